"""The redis transport while a server is away or full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from bus.errors import StreamFullError
from bus.redis import (
    ConnectionLostError,
    Patience,
    RecoveryNeededError,
    RedisTransport,
    ServerUnavailableError,
)
from bus.server import EmbeddedServers, ServerSettings
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis_servers import connect, running_servers, until_blocked
from tests.bus.transport_contract import fill, wait


async def refused(attempt: Awaitable[object]) -> Exception | None:
    """The error of an attempt on a server that was killed, if it has one."""
    try:
        await attempt
    except ServerUnavailableError as error:
        return error
    return None


async def fill_up(transport: RedisTransport, bus: Bus, n_bytes: int) -> int:
    """Publish entries of a size until the server refuses; returns how many it took."""
    for number in range(1, 100):
        try:
            await transport.publish(bus, {"h": memoryview(bytes(n_bytes))}, EntryId(1, number))
        except StreamFullError:
            return number - 1
    message = "the server never refused"
    raise AssertionError(message)


def test_a_restarted_server_takes_nothing_before_what_it_lost(own_servers: EmbeddedServers) -> None:
    """A publication to another run is refused until the run id was asked; it would shut the lost ones out."""

    async def script() -> None:
        transport = connect(own_servers)
        await fill(transport, Bus.MARKET_DATA, 3)
        own_servers[Bus.MARKET_DATA].kill()
        error = await refused(transport.publish(Bus.MARKET_DATA, {"h": b"4"}, EntryId(1, 40)))
        own_servers.restart(Bus.MARKET_DATA)
        for _ in range(2):
            with pytest.raises(
                RecoveryNeededError, match="ask its `run_id` and publish what is missing first"
            ):
                await transport.publish(Bus.MARKET_DATA, {"h": b"4"}, EntryId(1, 40))

        assert isinstance(error, ConnectionLostError)
        assert await transport.last_id(Bus.MARKET_DATA) == BEGINNING
        await transport.run_id(Bus.MARKET_DATA)
        await transport.publish(Bus.MARKET_DATA, {"h": b"4"}, EntryId(1, 40))

    wait(script())


def test_a_reader_learns_of_a_kill_and_the_other_bus_goes_on(own_servers: EmbeddedServers) -> None:
    """The loss of one server is raised once; meanwhile the other is read, and then both again."""

    async def script() -> None:
        reader, writer = connect(own_servers), connect(own_servers)
        places = dict.fromkeys(Bus, BEGINNING)
        places[Bus.MARKET_DATA] = (await fill(writer, Bus.MARKET_DATA, 1))[0]
        waiting = asyncio.create_task(reader.wait_for_entries(places, 30.0))
        await until_blocked(own_servers, Bus.MARKET_DATA)
        await fill(connect(own_servers), Bus.ENGINE_LOGIC, 1)
        found = await waiting
        places[Bus.ENGINE_LOGIC] = found[Bus.ENGINE_LOGIC][-1].id
        own_servers[Bus.MARKET_DATA].kill()
        with pytest.raises(ConnectionLostError, match=r"md\.sock"):
            await reader.wait_for_entries(places, 30.0)
        await fill(writer, Bus.ENGINE_LOGIC, 1)
        found = await reader.wait_for_entries(places, 30.0)
        assert list(found) == [Bus.ENGINE_LOGIC]

        places[Bus.ENGINE_LOGIC] = found[Bus.ENGINE_LOGIC][-1].id
        own_servers.restart(Bus.MARKET_DATA)
        await writer.run_id(Bus.MARKET_DATA)
        await writer.publish(Bus.MARKET_DATA, {"h": b"2"}, EntryId(1, 20))
        found = await reader.wait_for_entries(places, 30.0)
        assert [entry.id for entry in found[Bus.MARKET_DATA]] == [EntryId(1, 20)]

    wait(script())


def test_a_server_that_stays_away_is_named(own_servers: EmbeddedServers) -> None:
    """When patience ends the error says which server was looked for and what to do."""

    async def script() -> None:
        transport = connect(own_servers, patience=Patience(reconnect=0.1))
        own_servers[Bus.MARKET_DATA].stop()
        with pytest.raises(ServerUnavailableError, match=r"md\.sock as `admin` within 0\.1 s.*start it"):
            await transport.publish(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, 1))

    wait(script())


def test_a_full_server_refuses_and_goes_on_once_trimmed() -> None:
    """At its memory bound nothing is evicted: publications are refused until the stream is trimmed."""
    megabyte = 1_000_000
    settings = {Bus.MARKET_DATA: ServerSettings(max_memory=12 * megabyte)}

    async def script(servers: EmbeddedServers) -> None:
        transport = connect(servers)
        last = await fill_up(transport, Bus.MARKET_DATA, megabyte)
        with pytest.raises(StreamFullError, match=r"`XADD`.*md\.sock as `admin`.*slowest reader"):
            await transport.publish(Bus.MARKET_DATA, {"h": bytes(megabyte)}, EntryId(1, last + 1))
        assert await transport.last_id(Bus.MARKET_DATA) == EntryId(1, last)
        assert await transport.trim(Bus.MARKET_DATA, EntryId(1, last - 1)) == last - 1
        await transport.publish(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, last + 1))
        entries = await transport.read(Bus.MARKET_DATA, BEGINNING, 99)
        assert [entry.id.minor for entry in entries] == [last, last + 1]

    with running_servers(settings) as servers:
        wait(script(servers))
