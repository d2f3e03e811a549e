"""The redis transport on real servers."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
import uvloop

from bus import frames
from bus.errors import BusError
from bus.records import KINDS, Records
from bus.redis import EntryTooLargeError, Patience, RedisTransport
from bus.redis.commands import MAX_ENTRY_BYTES
from bus.server import EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis_servers import connect, empty, plain, until_blocked
from tests.bus.transport_contract import TransportContract, fill, wait

BOTH = dict.fromkeys(Bus, BEGINNING)


class TestRedisTransport(TransportContract):
    """The contract, on two servers."""

    @pytest.fixture(autouse=True)
    def use(self, servers: EmbeddedServers) -> None:
        """Remember the servers for `make`."""
        self.servers = servers

    def make(self) -> RedisTransport:
        """A transport over emptied servers."""
        empty(self.servers)
        return connect(self.servers)


def test_waiting_ends_with_the_first_entry_of_either_bus(servers: EmbeddedServers) -> None:
    """A reader blocked on both streams gets an entry that is published while it waits."""

    async def script(bus: Bus) -> None:
        reader, writer = connect(servers), connect(servers)
        waiting = asyncio.create_task(reader.wait_for_entries({**BOTH, **places}, 30.0))
        await until_blocked(servers, bus)
        (entry_id,) = await fill(writer, bus, 1)
        found = await waiting

        assert {bus: [entry.id for entry in entries] for bus, entries in found.items()} == {bus: [entry_id]}
        places[bus] = entry_id

    places: dict[Bus, EntryId] = {}
    for bus in Bus:
        wait(script(bus))


def test_waiting_gives_what_is_there_and_ends_in_time(servers: EmbeddedServers) -> None:
    """Entries that are there come at once, from any place; at the end of a stream the wait runs out."""

    async def script() -> None:
        transport = connect(servers)
        ids = {bus: await fill(transport, bus, 5) for bus in Bus}
        found: dict[Bus, list[EntryId]] = {bus: [] for bus in Bus}
        places = dict(BOTH)
        while any(len(entries) < 5 for entries in found.values()):
            for bus, entries in (await transport.wait_for_entries(places, 30.0, limit=2)).items():
                assert len(entries) <= 2
                found[bus] += [entry.id for entry in entries]
                places[bus] = entries[-1].id

        assert found == ids
        assert await transport.wait_for_entries(places, 0.01) == {}

        places[Bus.MARKET_DATA] = ids[Bus.MARKET_DATA][2]
        again = await transport.wait_for_entries(places, 30.0)
        assert [entry.id for entry in again[Bus.MARKET_DATA]] == ids[Bus.MARKET_DATA][3:]

    wait(script())


def test_arrivals_are_told_without_a_task(servers: EmbeddedServers) -> None:
    """A reader that is called on arrival gets every entry, once and in order, without waiting anywhere."""
    found: dict[Bus, list[EntryId]] = {bus: [] for bus in Bus}

    async def script() -> dict[Bus, list[EntryId]]:
        reader, writer = connect(servers), connect(servers)
        places, done = dict(BOTH), asyncio.Event()

        def step() -> None:
            while arrived := reader.arrived(places):
                for bus, entries in arrived.items():
                    found[bus] += [entry.id for entry in entries]
                    places[bus] = entries[-1].id
            if all(len(ids) == 50 for ids in found.values()):
                done.set()

        reader.on_arrival = step
        step()
        ids = {bus: await fill(writer, bus, 50) for bus in Bus}
        await done.wait()
        return ids

    assert wait(script()) == found


def test_concurrent_publishers_keep_their_order(servers: EmbeddedServers) -> None:
    """Entries of many publishers interleave, each publisher's stay in order, and none is lost or doubled."""

    async def script() -> dict[int, list[int]]:
        transports = [connect(servers, max_outstanding=2_000) for _ in range(3)]

        async def publisher(number: int) -> None:
            for count in range(100):
                data = bytes([number]) + count.to_bytes(2, "big") + bytes(500)
                await transports[number % 3].publish(Bus.ENGINE_LOGIC, {"e": data})

        await asyncio.gather(*map(publisher, range(9)))
        found: dict[int, list[int]] = {}
        after = BEGINNING
        while entries := await transports[0].read(Bus.ENGINE_LOGIC, after, 64):
            for entry in entries:
                data = entry.fields["e"]
                found.setdefault(data[0], []).append(int.from_bytes(data[1:3], "big"))
            after = entries[-1].id
        return found

    assert wait(script()) == {number: list(range(100)) for number in range(9)}


def test_explicit_ids_published_at_once_arrive_in_order(servers: EmbeddedServers) -> None:
    """Publications made without waiting for each other reach the server in the order of their calls."""

    async def script() -> list[EntryId]:
        transport = connect(servers, max_outstanding=10_000)
        await asyncio.gather(
            *(
                transport.publish(Bus.MARKET_DATA, {"h": bytes(n % 7 * 1000)}, EntryId(1, n))
                for n in range(1, 300)
            )
        )
        return [entry.id for entry in await transport.read(Bus.MARKET_DATA, BEGINNING, 1000)]

    ids = wait(script())
    assert ids == [EntryId(1, n) for n in range(1, len(ids) + 1)]
    assert len(ids) > 100


def test_any_client_can_read_what_was_published(servers: EmbeddedServers) -> None:
    """Plain redis-py sees the same ids and fields, and the frame in them decodes to the same records."""
    trades = np.zeros(50_000, KINDS["trade"])
    trades["sequence"] = np.arange(1, len(trades) + 1)
    trades["price"] = np.arange(len(trades)) * 7
    fields = frames.encode(Records({"trade": trades}), epoch=1, watermark=0, ts_publish=0)

    async def script() -> None:
        await connect(servers, "source").publish(Bus.MARKET_DATA, fields, EntryId(1, len(trades)))

    wait(script())
    with plain(servers, Bus.MARKET_DATA, "alpha") as client:
        (((_, items),)) = client.xread({"md": "0-0"})
    ((entry_id, found),) = items
    _, records = frames.decode({name.decode(): data for name, data in found.items()}, "test")
    assert entry_id == b"1-50000"
    np.testing.assert_array_equal(records["trade"], trades)


def test_huge_entries_pass_and_larger_ones_are_refused(servers: EmbeddedServers) -> None:
    """An entry just below the bound comes back whole; one above it is refused before it is sent."""
    huge = np.arange(MAX_ENTRY_BYTES // 8 - 100, dtype=np.int64).view(np.uint8).data

    async def script() -> None:
        transport = connect(servers, patience=Patience())
        await transport.publish(Bus.MARKET_DATA, {"h": b"1", "trade": huge}, EntryId(1, 1))
        await transport.publish(Bus.MARKET_DATA, {"h": b"2"}, EntryId(1, 2))
        first = (await transport.wait_for_entries({Bus.MARKET_DATA: BEGINNING}, 60.0))[Bus.MARKET_DATA][0]
        with pytest.raises(EntryTooLargeError, match=f"at most {MAX_ENTRY_BYTES} bytes"):
            await transport.publish(Bus.MARKET_DATA, {"trade": memoryview(bytes(MAX_ENTRY_BYTES))})

        assert first.fields["trade"] == huge
        assert [entry.id.minor for entry in await transport.read(Bus.MARKET_DATA, EntryId(1, 1), 9)] == [2]

    wait(script())


def test_odd_entries_of_others_are_read_all_the_same(servers: EmbeddedServers) -> None:
    """Foreign field names and values are handed on for the codec to refuse."""
    with plain(servers, Bus.ENGINE_LOGIC) as client:
        client.xadd("logic", {b"\xff": b"", b"e": b"\x00"})

    async def script() -> None:
        (entry,) = await connect(servers).read(Bus.ENGINE_LOGIC, BEGINNING, 9)
        assert entry.fields == {"\\xff": b"", "e": b"\x00"}
        with pytest.raises(BusError, match="Expected an entry with a field on logic, got none"):
            await connect(servers).publish(Bus.ENGINE_LOGIC, {})

    wait(script())


def test_it_runs_on_uvloop(servers: EmbeddedServers) -> None:
    """On the event loop of production, entries large and small go through both ways of reading."""

    async def script() -> None:
        transport = connect(servers)
        value = memoryview(bytes(range(256)) * 4096)
        await transport.publish(Bus.MARKET_DATA, {"h": b"1", "trade": value}, EntryId(1, 1))
        found = await transport.wait_for_entries(BOTH, 30.0)

        assert found == {Bus.MARKET_DATA: await transport.read(Bus.MARKET_DATA, BEGINNING, 9)}
        assert found[Bus.MARKET_DATA][0].fields["trade"] == value

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(script())
