"""The outbox."""

from __future__ import annotations

from bus import codec
from bus.envelope import AnyEvent, Event
from bus.memory import MemoryTransport
from bus.outbox import MINIMUM_AGE, Outbox, Publication
from bus.topics import Bus
from bus.transport import BEGINNING, Entry
from tests.bus.transport_contract import wait


def publication(bus: Bus, sequence: int, source: str = "me") -> Publication:
    """A numbered publication."""
    event: AnyEvent = Event(
        type="t", version=1, source=source, epoch=1, sequence=sequence, ts_event=0, ts_publish=0, payload={}
    )
    return Publication(bus, {"e": codec.encode(event)}, 1, sequence)


async def publish(transport: MemoryTransport, outbox: Outbox, publications: list[Publication]) -> None:
    """Publish and keep, as a driver does."""
    for item in publications:
        await transport.publish(item.bus, item.fields, item.entry_id)
        outbox.add(item, 0)


def sequences(entries: list[Entry], bus: Bus) -> list[int]:
    """Sequences of the entries."""
    if bus is Bus.MARKET_DATA:
        return [entry.id.minor for entry in entries]
    return [codec.decode_envelope(entry.fields["e"], "test").sequence for entry in entries]


def test_what_a_restarted_server_lost_is_published_again() -> None:
    """On both buses exactly the lost entries come back, under the same identities."""

    async def script(bus: Bus) -> tuple[int | None, list[int]]:
        transport, outbox = MemoryTransport(), Outbox("me")
        assert await outbox.recover(transport) is None
        await publish(transport, outbox, [publication(bus, sequence) for sequence in range(1, 8)])
        transport.restart(bus, lost=3)
        count = await outbox.recover(transport)
        return count, sequences(await transport.read(bus, BEGINNING, 99), bus)

    assert wait(script(Bus.MARKET_DATA)) == (3, [1, 2, 3, 4, 5, 6, 7])
    assert wait(script(Bus.ENGINE_LOGIC)) == (3, [1, 2, 3, 4, 5, 6, 7])


def test_others_events_do_not_count_as_mine() -> None:
    """An event of another source with the same number does not hide that mine was lost."""

    async def script() -> int | None:
        transport, outbox = MemoryTransport(), Outbox("me")
        await outbox.recover(transport)
        await publish(transport, outbox, [publication(Bus.ENGINE_LOGIC, 1)])
        transport.restart(Bus.ENGINE_LOGIC, lost=1)
        await transport.publish(Bus.ENGINE_LOGIC, publication(Bus.ENGINE_LOGIC, 1, "other").fields)
        await transport.publish(Bus.ENGINE_LOGIC, {"e": b"garbage"})
        return await outbox.recover(transport)

    assert wait(script()) == 1


def test_a_server_that_did_not_restart_costs_nothing() -> None:
    """Without a new run id nothing is published again."""

    async def script() -> int | None:
        transport, outbox = MemoryTransport(), Outbox("me")
        await outbox.recover(transport)
        await publish(transport, outbox, [publication(Bus.ENGINE_LOGIC, 1)])
        return await outbox.recover(transport)

    assert wait(script()) is None


def test_a_checkpoint_releases_what_it_covers_and_is_old_enough() -> None:
    """Entries leave only when both covered and older than the minimum age; operational ones never enter."""
    outbox = Outbox("me")
    for sequence, now in ((1, 0), (2, 10), (0, 10), (3, 20), (4, MINIMUM_AGE)):
        outbox.add(publication(Bus.ENGINE_LOGIC, sequence), now)
    outbox.release(through=3, now=MINIMUM_AGE + 10)

    assert [item.sequence for item in outbox.kept()] == [3, 4]
    outbox.release(through=3, now=9 * MINIMUM_AGE)
    assert [item.sequence for item in outbox.kept()] == [4]
