"""A fleet in one process: a feed, its engines, and the canonical log of what they say.

The feed is read a chunk at a time, and only when every engine has handled what it could; so memory is
bounded by a chunk, by what waits for its time, and by what was said since the last checkpoint. The one
process has no server that could lose its tail, so outboxes are emptied at each checkpoint. Where engines
wait for each other (a loop of events), nothing can happen before the earliest input that waits anywhere,
and all are told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from bus.cursors import Cursor
from bus.envelope import AnyEvent
from bus.merge import MARKET_DATA
from bus.records import END_OF_TIME, START_OF_TIME, Records
from bus.topics import Bus
from bus.transport import Transport
from shared.clock import Clock
from shared.driver import Driver
from shared.engine import Engine
from shared.event_log import EventLog
from shared.feed import Feed
from shared.runtime import Runtime
from shared.spec import EngineSpec
from shared.wiring import lanes

CHUNK: Final = 16_384
"""Records read from the feed at a time."""

CHECKPOINT_RECORDS: Final = 200_000
"""Feed records between two checkpoints."""

DEFAULT_FRAME_SIZE: Final = 4_096
"""Records of a frame."""


class Observer(Protocol):
    """Who watches a fleet."""

    def event(self, event: AnyEvent) -> None:
        """Next event of the canonical log."""

    def records(self, records: Records) -> None:
        """Next slice of the record flow."""


class Fleet:
    """Engines over one transport, driven to the end of a feed or to a stop."""

    def __init__(
        self,
        members: Sequence[tuple[EngineSpec, Engine[Any]]],
        feed: Feed,
        transport: Transport,
        clock: Clock,
        frame_size: int = DEFAULT_FRAME_SIZE,
    ) -> None:
        specs = [spec for spec, _ in members]
        self.drivers = [
            Driver(
                Runtime(spec, engine, lanes(spec, specs), clock, frame_size), transport, clock, outbox_age=0
            )
            for spec, engine in members
        ]
        self._transport = transport
        self._feed = feed
        self._log = EventLog([spec.name for spec in specs if not spec.is_source])
        self._ended = False
        self._stopping = False
        self._checkpointed = 0

    @property
    def _source(self) -> Driver:
        return next(driver for driver in self.drivers if driver.runtime.spec.is_source)

    @property
    def _others(self) -> list[Driver]:
        return [driver for driver in self.drivers if not driver.runtime.spec.is_source]

    @property
    def position(self) -> int:
        """Ordinal of the last feed record handled."""
        return self._source.runtime.inputs.cursors.positions.get(MARKET_DATA, Cursor(1, 0)).sequence

    def stop(self) -> None:
        """Ask `run` to return after the chunk at hand."""
        self._stopping = True

    async def resume(self) -> None:
        """Go on from the transport's checkpoints, where there are any."""
        for driver in self.drivers:
            await driver.resume()
        await self._log.resume(self._transport)
        self._checkpointed = self.position
        self.rewind()

    def rewind(self) -> None:
        """Set the feed to where the source's cursor is."""
        self._feed.seek(self.position)
        self._ended = False

    async def run(
        self, observer: Observer, stop_after: int | None = None, on_chunk: Callable[[int], None] | None = None
    ) -> bool:
        """Drive the fleet; returns whether the feed's end was reached.

        Args:
            observer: gets the canonical log and the record flow.
            stop_after: return False once this many feed records were handled.
            on_chunk: told the position after each chunk.
        """
        while True:
            while await self._turn(observer):
                pass
            if self._lift():
                continue
            if self._ended:
                self._check_drained()
                return True
            if self._stopping or self.position == stop_after:
                return False
            await self._checkpoint_if_due()
            self._read(CHUNK if stop_after is None else min(CHUNK, stop_after - self.position))
            if on_chunk:
                on_chunk(self.position)

    async def checkpoint(self) -> None:
        """Checkpoint every engine and the log, and release what nobody needs any more."""
        for driver in self.drivers:
            await driver.checkpoint()
        await self._log.save(self._transport)
        for bus in Bus:
            needed = [driver.trim_below[bus] for driver in self.drivers if bus in driver.trim_below]
            await self._transport.trim(bus, min([*needed, self._log.positions[bus]]))
        self._checkpointed = self.position

    async def _turn(self, observer: Observer) -> bool:
        """Let every engine read, handle and publish once; returns whether anything moved."""
        moved = 0
        for driver in self.drivers:
            moved += await driver.pull()
            moved += driver.runtime.step()
            moved += len(await driver.push())
        moved += await self._log.pull(self._transport)
        for driver in self._others:
            self._log.advance(driver.runtime.spec.name, driver.runtime.watermark)
        for records in self._log.take_records():
            observer.records(records)
        for event in self._log.take_events():
            observer.event(event)
        return moved > 0

    def _read(self, limit: int) -> None:
        records = self._feed.read(limit)
        if len(records):
            self._source.runtime.feed(records)
        else:
            self._source.runtime.finish()
            self._ended = True

    def _lift(self) -> bool:
        """Where engines wait for each other, promise what is certain; returns whether that is news."""
        earliest = self._earliest()
        if earliest is None or earliest > self._source_watermark():
            return False
        before = [driver.runtime.watermark for driver in self._others]
        for driver in self._others:
            driver.runtime.promise(earliest - 1)
        return before != [driver.runtime.watermark for driver in self._others]

    def _earliest(self) -> int | None:
        times = [driver.runtime.inputs.merge.earliest() for driver in self._others]
        return min((time for time in times if time is not None), default=None)

    def _source_watermark(self) -> int:
        if self._ended:
            return END_OF_TIME
        now = self._source.runtime.now
        return now - 1 if now > START_OF_TIME else now

    async def _checkpoint_if_due(self) -> None:
        if self.position - self._checkpointed >= CHECKPOINT_RECORDS:
            await self.checkpoint()

    def _check_drained(self) -> None:
        waiting = [
            driver.runtime.spec.name
            for driver in self._others
            if driver.runtime.inputs.merge.earliest() is not None
        ]
        if waiting:
            message = f"Expected every input handled at the end of the feed, found some waiting in {waiting}"
            raise RuntimeError(message)
