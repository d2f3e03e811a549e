"""What a killed, cut or stalled server lost is published again: once, in order, nothing else."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bus import codec
from bus.envelope import AnyEvent, Event
from bus.outbox import Outbox, Publication
from bus.redis import (
    ConnectionLostError,
    RecoveryNeededError,
    RedisTransport,
    StalledServerError,
)
from bus.server import EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis_servers import connect, plain, until_written
from tests.bus.transport_contract import wait


def publication(bus: Bus, sequence: int) -> Publication:
    """A numbered publication."""
    event: AnyEvent = Event(
        type="t", version=1, source="me", epoch=1, sequence=sequence, ts_event=0, ts_publish=0, payload={}
    )
    return Publication(bus, {"e": codec.encode(event)}, 1, sequence)


async def publish(transport: RedisTransport, outbox: Outbox, bus: Bus, first: int, last: int) -> None:
    """Publish and keep, as a driver does."""
    for sequence in range(first, last + 1):
        item = publication(bus, sequence)
        await transport.publish(bus, item.fields, item.entry_id)
        outbox.add(item, 0)


def on_the_wire(servers: EmbeddedServers, bus: Bus) -> list[int]:
    """Sequences in a stream, as any client counts them."""
    with plain(servers, bus) as client:
        entries = client.xrange(bus.value)
    return [codec.decode_envelope(fields[b"e"], "test").sequence for _, fields in entries]


def cut_log(servers: EmbeddedServers, n_bytes: int) -> None:
    """Lose the end of Engine Logic's append-only file, as a power cut does."""
    (log,) = (servers.folder / "logic.appendonly").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - n_bytes)


def test_market_data_is_published_again_after_a_kill(own_servers: EmbeddedServers) -> None:
    """A killed MarketData server comes back empty under another run id; the outbox fills it in order."""

    async def script() -> None:
        transport, outbox = connect(own_servers), Outbox("me")
        await outbox.recover(transport)
        await publish(transport, outbox, Bus.MARKET_DATA, 1, 20)
        before = await transport.run_id(Bus.MARKET_DATA)
        own_servers[Bus.MARKET_DATA].kill()
        own_servers.restart(Bus.MARKET_DATA)

        assert on_the_wire(own_servers, Bus.MARKET_DATA) == []
        assert await transport.last_id(Bus.MARKET_DATA) == BEGINNING
        assert await outbox.recover(transport) == 20
        assert await transport.run_id(Bus.MARKET_DATA) != before
        await publish(transport, outbox, Bus.MARKET_DATA, 21, 25)

    wait(script())
    assert on_the_wire(own_servers, Bus.MARKET_DATA) == list(range(1, 26))


@pytest.mark.parametrize("lost_bytes", [0, 300])
def test_engine_logic_comes_back_from_its_log(own_servers: EmbeddedServers, lost_bytes: int) -> None:
    """Engine Logic keeps what its log holds; what the log lost is published again, and nothing twice."""

    async def script() -> int | None:
        transport, outbox = connect(own_servers), Outbox("me")
        await outbox.recover(transport)
        await publish(transport, outbox, Bus.ENGINE_LOGIC, 1, 50)
        await until_written(own_servers)
        own_servers[Bus.ENGINE_LOGIC].kill()
        cut_log(own_servers, lost_bytes)
        own_servers.restart(Bus.ENGINE_LOGIC)
        count = await outbox.recover(transport)
        await publish(transport, outbox, Bus.ENGINE_LOGIC, 51, 55)
        return count

    count = wait(script())
    assert on_the_wire(own_servers, Bus.ENGINE_LOGIC) == list(range(1, 56))
    assert bool(count) is bool(lost_bytes)


def test_blobs_come_back_from_the_log(own_servers: EmbeddedServers) -> None:
    """A checkpoint outlives the server's crash and its orderly restart."""

    async def script() -> None:
        transport = connect(own_servers)
        await transport.save("checkpoint/alpha", b"state")
        await until_written(own_servers)
        for end in (own_servers[Bus.ENGINE_LOGIC].kill, own_servers[Bus.ENGINE_LOGIC].stop):
            end()
            own_servers.restart(Bus.ENGINE_LOGIC)
            assert await transport.load("checkpoint/alpha") == b"state"

    wait(script())


@pytest.mark.parametrize("bus", list(Bus))
def test_a_stalled_server_is_given_up_and_found_again(own_servers: EmbeddedServers, bus: Bus) -> None:
    """A server that stands still is a clear error; woken up, what it left unanswered is there once."""
    pid = own_servers[bus].pid
    assert pid is not None

    async def script() -> None:
        transport, outbox = connect(own_servers), Outbox("me")
        await outbox.recover(transport)
        await publish(transport, outbox, bus, 1, 5)
        places = {bus: await transport.last_id(bus)}
        assert await transport.wait_for_entries(places, 0.01) == {}
        last = publication(bus, 6)
        outbox.add(last, 0)
        os.kill(pid, signal.SIGSTOP)
        try:
            for attempt in (
                transport.publish(bus, last.fields, last.entry_id),
                transport.wait_for_entries(places, 30.0),
            ):
                with pytest.raises(StalledServerError, match="the server is stopped, overloaded or waits"):
                    await attempt
        finally:
            os.kill(pid, signal.SIGCONT)
        with pytest.raises(RecoveryNeededError, match="left publications unanswered"):
            await publish(transport, outbox, bus, 7, 7)
        assert await outbox.recover(transport) in (0, 1)
        await publish(transport, outbox, bus, 7, 9)
        assert await transport.wait_for_entries(places, 30.0)

    wait(script())
    assert on_the_wire(own_servers, bus) == list(range(1, 10))


@pytest.mark.parametrize("bus", list(Bus))
def test_publications_cut_off_by_a_kill_are_there_once(own_servers: EmbeddedServers, bus: Bus) -> None:
    """Many publications in flight when the server is killed: after recovery each is on the wire once."""

    async def script() -> None:
        transport, outbox = connect(own_servers), Outbox("me")
        await outbox.recover(transport)
        items = [publication(bus, sequence) for sequence in range(1, 501)]
        for item in items:
            outbox.add(item, 0)
        attempts = [
            asyncio.ensure_future(transport.publish(bus, item.fields, item.entry_id)) for item in items
        ]
        await attempts[0]
        own_servers[bus].kill()
        own_servers.restart(bus)
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert {type(result) for result in results} <= {EntryId, ConnectionLostError}
        await outbox.recover(transport)

    wait(script())
    assert sorted(on_the_wire(own_servers, bus)) == list(range(1, 501))
