"""Crashes at named points: inside a checkpoint, after publishing, while a server loads or is busy."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from bus.frames import Fields
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.redis import RedisTransport
from bus.server import ADMIN, EmbeddedServers
from bus.topics import Bus
from bus.transport import Courier, EntryId
from shared.fleet_settings import FleetSettings
from tests.bus.redis_servers import BRIEF, empty, running_servers
from tests.fleet.test_two_buses import replay
from tests.shared.hosting import Host
from tests.shared.test_service import QUICK, host, told

POINTS = (
    "before save checkpoint/{}",
    "after save checkpoint/{}",
    "before save position/{}",
    "after save position/{}",
    "before submit {}",
    "after submit {}",
)
"""Places in the life of an engine; the third time it comes by, it dies there."""


class KilledError(Exception):
    """The process is no more."""


class Trap(MemoryCourier):
    """A courier that ends its engine at a point."""

    def __init__(self, transport: MemoryTransport, engine: str, point: str) -> None:
        super().__init__(transport)
        self._engine = engine
        self._point = point
        self._n_left = 3
        self.is_dead = False

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob, or die."""
        self._pass(f"before save {key}")
        await super().save(key, data)
        self._pass(f"after save {key}")

    def submit(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> asyncio.Future[EntryId]:
        """Append an entry, or die."""
        self._pass(f"before submit {self._engine}")
        outcome = super().submit(bus, fields, entry_id)
        self._pass(f"after submit {self._engine}")
        return outcome

    def _pass(self, point: str) -> None:
        if point == self._point and not self.is_dead:
            self._n_left -= 1
            self.is_dead = self._n_left == 0
            if self.is_dead:
                raise KilledError(point)


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    """The log of an undisturbed replay in one process."""
    return replay(MemoryTransport()).lines


@pytest.fixture(scope="module")
def servers() -> Iterator[EmbeddedServers]:
    """Two real servers."""
    with running_servers() as running:
        yield running


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("engine", ["asker", "answerer"])
def test_a_crash_at_a_point_leaves_no_trace(expected: list[bytes], engine: str, point: str) -> None:
    """An engine that dies at a point comes back, and nothing is lost or said twice."""

    async def script() -> list[bytes]:
        transport = MemoryTransport()
        trap = Trap(transport, engine, point.format(engine))
        first = iter([trap])

        def courier(name: str) -> Courier:
            return next(first, MemoryCourier(transport)) if name == engine else MemoryCourier(transport)

        fleet = host(courier, FleetSettings(frame_size=16, checkpoint_seconds=0.05, speed="60x"))
        fleet.start()
        await fleet.until_dead(engine, KilledError)
        assert trap.is_dead
        fleet.start(engine)
        return await told(fleet, MemoryCourier(transport))

    assert asyncio.run(script()) == expected


def test_a_server_killed_while_it_loads_its_log_leaves_no_trace(
    expected: list[bytes], servers: EmbeddedServers
) -> None:
    """Engine Logic killed again and again, as soon as it is there or sooner."""
    assert disturbed(servers, _kill_twice) == expected


def test_a_server_that_stands_still_leaves_no_trace(expected: list[bytes], servers: EmbeddedServers) -> None:
    """A server that a busy disk holds up longer than patience lasts is found again."""
    assert disturbed(servers, _hold_up) == expected


def disturbed(servers: EmbeddedServers, disturb: object) -> list[bytes]:
    """The log of a fleet whose servers are disturbed while it runs."""
    empty(servers)

    async def script() -> list[bytes]:
        fleet = host(lambda _: RedisTransport(servers.addresses(ADMIN), BRIEF), QUICK)
        fleet.start()
        assert callable(disturb)
        await disturb(servers, fleet)
        return await told(fleet, RedisTransport(servers.addresses(ADMIN), BRIEF), all_records=False)

    return asyncio.run(script())


async def _kill_twice(servers: EmbeddedServers, fleet: Host) -> None:
    for _ in range(3):
        await fleet.until(lambda: fleet.services["asker"].n_checkpoints > 0)
        servers[Bus.ENGINE_LOGIC].kill()
        starting = asyncio.create_task(asyncio.to_thread(servers.restart, Bus.ENGINE_LOGIC))
        await asyncio.sleep(0.005)
        if servers[Bus.ENGINE_LOGIC].pid is not None:
            servers[Bus.ENGINE_LOGIC].kill()
        await asyncio.gather(starting, return_exceptions=True)
        await asyncio.to_thread(servers.restart, Bus.ENGINE_LOGIC)
        await asyncio.sleep(0.05)


async def _hold_up(servers: EmbeddedServers, fleet: Host) -> None:
    for bus in Bus:
        pid = servers[bus].pid
        assert pid is not None
        await fleet.until(lambda: fleet.services["asker"].n_checkpoints > 0)
        os.kill(pid, signal.SIGSTOP)
        await fleet.until(lambda: fleet.services["asker"].n_recoveries > 0)
        os.kill(pid, signal.SIGCONT)
