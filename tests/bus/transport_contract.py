"""What every transport must do. A transport's test module subclasses `TransportContract` and makes one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from bus.errors import DuplicateEntryError
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId, Transport

T = TypeVar("T")


def wait(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one call to its end."""
    return asyncio.run(coroutine)


async def fill(transport: Transport, bus: Bus, count: int) -> list[EntryId]:
    """Publish ``count`` numbered entries."""
    explicit = bus is Bus.MARKET_DATA
    ids = []
    for number in range(1, count + 1):
        entry_id = EntryId(1, 10 * number) if explicit else None
        ids.append(await transport.publish(bus, {"e": str(number).encode()}, entry_id))
    return ids


@pytest.mark.parametrize("bus", list(Bus))
class TransportContract(ABC):
    """The abstract suite: one class a transport, one test a promise, on both buses."""

    @abstractmethod
    def make(self) -> Transport:
        """A fresh, empty transport."""

    def test_entries_come_back_whole_and_in_order(self, bus: Bus) -> None:
        """What was published is read back, in order, from any place on."""

        async def script() -> None:
            transport = self.make()
            ids = await fill(transport, bus, 5)
            entries = await transport.read(bus, BEGINNING, 100)

            assert [entry.id for entry in entries] == ids
            assert [bytes(entry.fields["e"]) for entry in entries] == [b"1", b"2", b"3", b"4", b"5"]
            assert [entry.id for entry in await transport.read(bus, ids[1], 2)] == ids[2:4]

        wait(script())

    def test_ids_ascend_and_the_last_is_known(self, bus: Bus) -> None:
        """Ids rise strictly; the last one is told, also after all entries were trimmed."""

        async def script() -> None:
            transport = self.make()
            first = await transport.last_id(bus)
            ids = await fill(transport, bus, 4)
            await transport.trim(bus, ids[-1])

            assert first == BEGINNING
            assert ids == sorted(set(ids))
            assert await transport.last_id(bus) == ids[-1]
            assert await transport.read(bus, BEGINNING, 10) == []

        wait(script())

    def test_a_second_publication_under_one_id_is_refused(self, bus: Bus) -> None:
        """An explicit id at or below the last is refused and changes nothing."""

        async def script() -> None:
            transport = self.make()
            await transport.publish(bus, {"e": b"x"}, EntryId(1, 10))
            for entry_id in (EntryId(1, 10), EntryId(1, 9)):
                with pytest.raises(DuplicateEntryError, match="1-10"):
                    await transport.publish(bus, {"e": b"y"}, entry_id)

            assert [bytes(entry.fields["e"]) for entry in await transport.read(bus, BEGINNING, 10)] == [b"x"]

        wait(script())

    def test_a_new_epoch_is_above_every_old_id(self, bus: Bus) -> None:
        """The next epoch starts its sequences at 1 again and is still accepted."""

        async def script() -> None:
            transport = self.make()
            await transport.publish(bus, {"e": b"x"}, EntryId(1, 999))
            await transport.publish(bus, {"e": b"y"}, EntryId(2, 1))

            assert await transport.last_id(bus) == EntryId(2, 1)

        wait(script())

    def test_trim_drops_only_what_it_was_told(self, bus: Bus) -> None:
        """Trimming drops entries at or below the id, counts them, and is harmless when repeated."""

        async def script() -> None:
            transport = self.make()
            ids = await fill(transport, bus, 5)
            dropped = [await transport.trim(bus, ids[2]), await transport.trim(bus, ids[2])]

            assert dropped == [3, 0]
            assert [entry.id for entry in await transport.read(bus, BEGINNING, 10)] == ids[3:]

        wait(script())

    def test_the_buses_do_not_mix(self, bus: Bus) -> None:
        """An entry of one bus is not seen on the other."""

        async def script() -> None:
            transport = self.make()
            await fill(transport, bus, 2)
            (other,) = set(Bus) - {bus}

            assert await transport.read(other, BEGINNING, 10) == []

        wait(script())

    def test_binary_fields_survive(self, bus: Bus) -> None:
        """Several fields of any bytes come back equal."""

        async def script() -> None:
            transport = self.make()
            fields: dict[str, bytes | memoryview] = {
                "h": bytes(range(256)),
                "trade": memoryview(b"\r\n\x00$-1\r\n"),
            }
            await transport.publish(bus, fields, EntryId(1, 1))
            (entry,) = await transport.read(bus, BEGINNING, 1)

            assert {name: bytes(data) for name, data in entry.fields.items()} == {
                k: bytes(v) for k, v in fields.items()
            }

        wait(script())

    def test_blobs_are_replaced_listed_and_forgotten(self, bus: Bus) -> None:
        """A blob is what was saved last under its key, until it is deleted."""

        async def script() -> None:
            transport = self.make()
            await transport.save("checkpoint/a", b"1")
            await transport.save("checkpoint/a", b"2")
            await transport.save(f"other/{bus}", b"3")
            found = [await transport.load("checkpoint/a"), await transport.load("none")]
            listed = await transport.keys("checkpoint/")
            await transport.delete("checkpoint/a")
            await transport.delete("none")

            assert found == [b"2", None]
            assert listed == ["checkpoint/a"]
            assert await transport.keys("checkpoint/") == []

        wait(script())

    def test_the_run_id_stays_while_the_server_runs(self, bus: Bus) -> None:
        """The run id changes only with a restart."""

        async def script() -> None:
            transport = self.make()
            before = await transport.run_id(bus)
            await fill(transport, bus, 3)

            assert await transport.run_id(bus) == before

        wait(script())
