"""Services of a small fleet in one event loop, each on its own courier, that can be killed at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bus import codec, frames
from bus.records import END_OF_TIME
from bus.topics import TOPICS, Bus
from bus.transport import BEGINNING, Courier
from shared.clock import WallClock
from shared.engine import Engine
from shared.event_log import EventLog, line
from shared.feed import Feed
from shared.fleet_settings import FleetSettings
from shared.service import Service
from shared.source_service import SourceService
from shared.spec import EngineSpec

DEADLINE_SECONDS = 60.0
"""No test waits longer for anything."""

Maker = Callable[[], Engine[Any]]


class Host:
    """Runs the services of a fleet, and runs them again after a kill."""

    def __init__(
        self,
        makers: Mapping[EngineSpec, Maker] | Sequence[tuple[EngineSpec, Maker]],
        courier: Callable[[str], Courier],
        feed: Callable[[], Feed],
        settings: FleetSettings,
    ) -> None:
        self._makers = dict(makers)
        self._courier = courier
        self._feed = feed
        self.settings = settings
        self.services: dict[str, Service] = {}
        self._couriers: dict[str, Courier] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, *names: str) -> None:
        """Start the services of these engines, or of all."""
        for spec in self._makers:
            if not names or spec.name in names:
                self._start(spec)

    async def kill(self, name: str) -> None:
        """End a service as a crash does: nothing is drained, kept or said."""
        task = self._tasks.pop(name)
        while not task.done():  # a library below may swallow one cancellation
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
        await self._couriers.pop(name).close()

    async def restart(self, name: str) -> None:
        """Kill a service and start it again, on what its checkpoint holds."""
        await self.kill(name)
        self.start(name)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened; whatever ended a service is raised here."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not happened():
                for task in self._tasks.values():
                    if task.done():
                        task.result()
                await asyncio.sleep(0.002)

    async def until_dead(self, name: str, error: type[Exception]) -> None:
        """Wait until a service has died of an error."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.wait([self._tasks[name]])
        task = self._tasks.pop(name)
        assert isinstance(task.exception(), error), task.exception()
        await self._couriers.pop(name).close()

    async def finish(self) -> None:
        """Wait until the feed has ended and everything was handled."""
        await self.until(lambda: all(service.finished for service in self.services.values()))

    async def stop(self) -> None:
        """Stop every service in order."""
        for service in self.services.values():
            service.stop()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*self._tasks.values())
        for courier in self._couriers.values():
            await courier.close()

    def _start(self, spec: EngineSpec) -> None:
        name, make, fleet = spec.name, self._makers[spec], list(self._makers)
        courier = self._couriers[name] = self._courier(name)
        if spec.is_source:
            readers = [other.name for other in fleet if not other.is_source and other.record_kinds]
            self.services[name] = SourceService(
                spec, make, fleet, courier, WallClock(), self.settings, feed=self._feed(), readers=readers
            )
        else:
            self.services[name] = Service(spec, make, fleet, courier, WallClock(), self.settings)
        self._tasks[name] = asyncio.get_running_loop().create_task(self.services[name].run())


async def canonical_log(courier: Courier, sources: Sequence[str]) -> list[bytes]:
    """The canonical log of what stands on Engine Logic."""
    log = EventLog(sources)
    for source in sources:
        log.advance(source, END_OF_TIME)
    while await log.pull(courier):
        pass
    return [line(event) for event in log.take_events()]


async def identities(courier: Courier, source: str) -> list[tuple[int, int]]:
    """Epoch and sequence of every numbered entry of a source, as often as it stands on the wire."""
    found, place = [], BEGINNING
    while entries := await courier.read(Bus.ENGINE_LOGIC, place, 1_000):
        place = entries[-1].id
        for entry in entries:
            event = codec.decode_envelope(entry.fields["e"], str(entry.id))
            if event.source == source and not (event.type in TOPICS and TOPICS[event.type].operational):
                found.append((event.epoch, event.sequence))
    return found


async def sequences(courier: Courier) -> list[int]:
    """Sequence of every record that stands on MarketData, as often as it does."""
    found: list[int] = []
    place = BEGINNING
    while entries := await courier.read(Bus.MARKET_DATA, place, 1_000):
        place = entries[-1].id
        for entry in entries:
            found += frames.decode(entry.fields, str(entry.id))[1].sequences().tolist()
    return found
