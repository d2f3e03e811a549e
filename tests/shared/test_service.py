"""Engines as services between two servers: the log of a replay, whatever is killed and whenever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

import pytest

from bus import codec
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.redis import RedisTransport
from bus.redis.errors import ServerUnavailableError
from bus.server import ADMIN, EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, Courier, Entry
from shared.fleet_settings import FleetSettings
from tests.bus.redis_servers import BRIEF, empty, running_servers
from tests.fleet import toys
from tests.fleet.flow import ListFeed, input_flow
from tests.fleet.test_two_buses import N_RECORDS, replay
from tests.shared.hosting import Host, canonical_log, identities, sequences

MAKERS = (
    (toys.SOURCE, lambda: toys.PassOn(None, toys.Counts())),
    (toys.ASKER, lambda: toys.Asker(None, toys.Counts())),
    (toys.ANSWERER, lambda: toys.Answerer(None, toys.Counts())),
)
ENGINES = ("asker", "answerer")
QUICK = FleetSettings(frame_size=16, checkpoint_seconds=0.05, speed="120x")
"""About a second for the session, with twenty checkpoints."""


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """The log of an undisturbed replay in one process."""
    return replay(MemoryTransport()).lines


@pytest.fixture(scope="module")
def servers() -> Iterator[EmbeddedServers]:
    """Two real servers."""
    with running_servers() as running:
        yield running


def host(courier: Callable[[str], Courier], settings: FleetSettings) -> Host:
    """The toy fleet."""
    return Host(MAKERS, courier, lambda: ListFeed(input_flow(N_RECORDS)), settings)


async def told(fleet: Host, courier: Courier, *, all_records: bool = True) -> list[bytes]:
    """The log of a fleet at its end, after a look that nothing on the wire is double or missing."""
    await fleet.finish()
    log = await canonical_log(courier, ENGINES)
    for engine in ENGINES:
        found = await identities(courier, engine)
        assert found == [(1, number) for number in range(1, len(found) + 1)]
    if all_records:  # a server of records that was killed has forgotten those before
        records = await sequences(courier)
        assert records == list(range(1, len(records) + 1))
    await fleet.stop()
    await courier.close()
    return log


@pytest.mark.parametrize("frame_size", [1, 7, 4096])
def test_services_that_wait_for_each_other_say_what_a_replay_says(
    expected: list[bytes], frame_size: int
) -> None:
    """A loop of engines, each on its own, gives the log of one process, for frames of any length."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        fleet = host(lambda _: MemoryCourier(transport), FleetSettings(frame_size=frame_size))
        fleet.start()
        return await told(fleet, MemoryCourier(transport))

    assert asyncio.run(script()) == expected


@pytest.mark.parametrize("seed", range(4))
def test_killed_services_go_on_with_the_same_log(expected: list[bytes], seed: int) -> None:
    """Any service, the source too, killed at any moment: nothing is lost, nothing said twice."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        fleet = host(lambda _: MemoryCourier(transport), QUICK)
        fleet.start()
        chance = random.Random(seed)
        for _ in range(8):
            await asyncio.sleep(chance.uniform(0.0, 0.15))
            await fleet.restart(chance.choice(["source", *ENGINES]))
        return await told(fleet, MemoryCourier(transport))

    assert asyncio.run(script()) == expected


@pytest.mark.parametrize("seed", range(3))
def test_killed_servers_and_services_leave_no_trace(
    expected: list[bytes], servers: EmbeddedServers, seed: int
) -> None:
    """Servers and services killed in turn: MarketData comes back empty, and the log is the same."""
    empty(servers)

    async def script() -> list[bytes]:
        fleet = host(lambda _: RedisTransport(servers.addresses(ADMIN), BRIEF), QUICK)
        fleet.start()
        chance = random.Random(seed)
        for _ in range(5):
            await asyncio.sleep(chance.uniform(0.05, 0.25))
            victim = chance.choice([*Bus, "source", *ENGINES])
            if isinstance(victim, Bus):
                servers[victim].kill()
                await asyncio.to_thread(servers.restart, victim)
            else:
                await fleet.restart(victim)
        return await told(fleet, RedisTransport(servers.addresses(ADMIN), BRIEF), all_records=False)

    assert asyncio.run(script()) == expected


def test_what_a_server_lost_of_a_former_life_is_said_again(expected: list[bytes]) -> None:
    """An engine that was killed need not repeat itself, unless the server has lost it in the meantime."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        courier = MemoryCourier(transport)
        settings = FleetSettings(frame_size=16, checkpoint_seconds=1_000.0, speed="120x")
        fleet = host(lambda _: MemoryCourier(transport), settings)
        fleet.start()
        await fleet.until(lambda: fleet.services["asker"].runtime.outputs.sequence > 20)
        await fleet.kill("source")
        await fleet.kill("asker")
        transport.restart(Bus.MARKET_DATA, lost=10**9)
        fleet.start("asker")
        await fleet.until(lambda: fleet.services["asker"].phase == "ready")

        entries = await courier.read(Bus.ENGINE_LOGIC, BEGINNING, 100_000)
        asks = [place for place, entry in enumerate(entries) if _is_ask(entry)]
        transport.restart(Bus.ENGINE_LOGIC, lost=len(entries) - asks[-3])
        for name in ENGINES:
            fleet.services[name].fail(ServerUnavailableError("restarted"))
        await fleet.until(lambda: all(fleet.services[name].phase == "ready" for name in ENGINES))
        fleet.start("source")
        return await told(fleet, courier)

    assert asyncio.run(script()) == expected


def test_a_checkpoint_does_not_forget_what_was_said_after_the_one_before(expected: list[bytes]) -> None:
    """An engine that was killed, kept a checkpoint on its way back and was killed again repeats nothing."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        fleet = host(
            lambda _: MemoryCourier(transport),
            FleetSettings(frame_size=16, checkpoint_seconds=1_000.0, speed="120x"),
        )
        fleet.start()
        await fleet.until(lambda: fleet.services["asker"].runtime.outputs.sequence > 20)
        await fleet.kill("source")
        await fleet.kill("asker")
        transport.restart(Bus.MARKET_DATA, lost=10**9)

        fleet.settings = QUICK
        fleet.start("asker")
        await fleet.until(lambda: fleet.services["asker"].n_checkpoints > 0)
        assert fleet.services["asker"].runtime.outputs.sequence == 0
        await fleet.restart("asker")
        fleet.start("source")
        return await told(fleet, MemoryCourier(transport))

    assert asyncio.run(script()) == expected


class Unreachable(MemoryCourier):
    """A courier that finds no server of Engine Logic for a while."""

    def __init__(self, transport: MemoryTransport, found: asyncio.Event) -> None:
        super().__init__(transport)
        self._found = found

    async def run_id(self, bus: Bus) -> str:
        """Identity of a server's run, once there is one."""
        if bus is Bus.ENGINE_LOGIC:
            await self._found.wait()
        return await super().run_id(bus)


def test_a_source_that_looks_for_one_server_notices_that_the_other_is_empty(expected: list[bytes]) -> None:
    """Both servers were killed; whoever finds Engine Logic again may not take MarketData's for the same."""

    async def script() -> list[bytes]:
        transport, found = MemoryTransport(), asyncio.Event()
        found.set()
        settings = FleetSettings(frame_size=16, checkpoint_seconds=1_000.0, speed="120x")
        fleet = host(lambda _: Unreachable(transport, found), settings)
        fleet.start("source")
        source = fleet.services["source"].runtime.outputs
        await fleet.until(lambda: source.sequence > 100)
        found.clear()
        fleet.services["source"].fail(ServerUnavailableError("killed"))
        await fleet.until(lambda: fleet.services["source"].phase == "recovering")
        while (await transport.last_id(Bus.MARKET_DATA)).minor < source.sequence:
            await asyncio.sleep(0.002)
        transport.restart(Bus.MARKET_DATA, lost=10**9)
        found.set()
        fleet.start(*ENGINES)
        return await told(fleet, MemoryCourier(transport))

    assert asyncio.run(script()) == expected


def _is_ask(entry: Entry) -> bool:
    event = codec.decode_envelope(entry.fields["e"], "test")
    return (event.source, event.type) == ("asker", toys.ASK.name)
