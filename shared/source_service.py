"""The source as a process: a feed that can be read again, sent frame by frame as fast as its readers keep up.

A frame leaves when the one before it was acknowledged. Where the stream is full the source waits: it is
trimmed only below what every required reader has kept.

**Where it begins again.** MarketData's server keeps nothing on disk. A source that comes back, or that finds
the server emptied, goes on from a checkpoint that no reader is behind; so a checkpoint becomes its own only
when all readers have passed it. What it makes again and the server still has is not sent a second time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from bus import positions
from bus.cursors import Cursor
from bus.errors import BusError, DuplicateEntryError, StreamFullError
from bus.merge import MARKET_DATA
from bus.outbox import MINIMUM_AGE, Publication
from bus.records import Records
from bus.redis.errors import RecoveryNeededError, ServerUnavailableError
from bus.topics import Bus
from bus.transport import Courier
from shared.clock import Clock, monotonic_ns
from shared.driver import Captured
from shared.engine import Engine
from shared.feed import Feed
from shared.fleet_settings import FleetSettings
from shared.order_log import Note
from shared.pace import Pace
from shared.service import RestartError, Service
from shared.spec import EngineSpec

CHUNK_FRAMES: Final = 4
"""Frames' worth of records read from the feed at a time."""

SMALLEST_CHUNK: Final = 1_024

_FULL_PAUSE: Final = 0.02
_LONGEST_NAP: Final = 0.2


class SourceService(Service):
    """The engine that fills MarketData from a feed."""

    def __init__(
        self,
        spec: EngineSpec,
        make: Callable[[], Engine[Any]],
        fleet: Sequence[EngineSpec],
        courier: Courier,
        clock: Clock,
        settings: FleetSettings,
        *,
        feed: Feed,
        readers: Sequence[str],
    ) -> None:
        super().__init__(spec, make, fleet, courier, clock, settings)
        self._feed = feed
        self._readers = tuple(readers)
        self._frames: deque[Publication] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._wants_candidate = False
        self._candidate: Captured | None = None
        self._passed: deque[tuple[int, int]] = deque()
        self._run = ""
        self.ended = False
        """Whether the whole feed was published."""

    @property
    def progress(self) -> float:
        """Fraction of the feed that was read."""
        return self._feed.progress

    @property
    def finished(self) -> bool:
        """Whether the whole feed was published."""
        return self.ended

    async def _begin(self) -> None:
        self._frames.clear()
        self._candidate, self.ended = None, False
        self._passed.clear()
        await super()._begin()
        if self._order is None or self._feed.rereadable:
            await asyncio.to_thread(self._feed.seek, self._position())
        self._pump = asyncio.get_running_loop().create_task(self._send_feed())
        self._pump.add_done_callback(self._pumped)

    async def _prepare(self) -> None:
        """See what MarketData holds already: that is made again and not sent again."""
        self._run = await self._server_run()
        last = await self.courier.last_id(Bus.MARKET_DATA)
        outputs = self.runtime.outputs
        if last.major > outputs.epoch:
            message = (
                f"Expected epoch {outputs.epoch} on {Bus.MARKET_DATA}, found {last}: its records are of "
                "another session; start with a reset"
            )
            raise BusError(message)
        outputs.published_through = last.minor if last.major == outputs.epoch else 0

    async def _end_life(self) -> None:
        await super()._end_life()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    def _position(self) -> int:
        return self.runtime.inputs.cursors.positions.get(MARKET_DATA, Cursor(1, 0)).sequence

    def _pumped(self, pump: asyncio.Task[None]) -> None:
        if not pump.cancelled() and (error := pump.exception()) is not None:
            self.fail(error if isinstance(error, Exception) else RuntimeError(str(error)))

    def _send_ready(self) -> None:
        for publication in self.runtime.take():
            if publication.bus is Bus.MARKET_DATA:
                self._frames.append(publication)
            else:
                self.sender.send(publication)

    async def _send_feed(self) -> None:
        """Read, handle and send, a chunk at a time, until the feed has ended."""
        await self._send_frames()
        pace = Pace.parse(self._settings.speed)
        limit = max(CHUNK_FRAMES * self._settings.frame_size, SMALLEST_CHUNK)
        while len(records := await asyncio.to_thread(self._feed.read, limit)):
            while len(records):
                due, records = records.split_after_time(pace.due(records.first_ts_init))
                if len(due):
                    await self._send(due)
                if len(records):
                    if self._wants_candidate:
                        await self._take_candidate()
                    await asyncio.sleep(min(pace.wait_seconds(records.first_ts_init), _LONGEST_NAP))
        await self._send(None)
        self.ended = True
        self._log.info("the feed has ended", n_records=self._position())

    async def _send(self, records: Records | None) -> None:
        """Handle records, or the end of the feed, and send the frames that come of them."""
        while self._failure is not None or self._holds:
            await asyncio.sleep(_FULL_PAUSE)
        if records is None:
            self.runtime.finish()
        else:
            await self._note_input(records)
            self.runtime.feed(records)
            self.runtime.step()
        self._hand_out()
        await self._send_frames()
        if self._wants_candidate:
            await self._take_candidate()

    async def _send_frames(self) -> None:
        while self._frames:
            if await self._accepted(self._frames[0]):
                self._frames.popleft()

    async def _note_input(self, records: Records) -> None:
        """Have live input in safety before anything is made of it: nobody could give it to us again."""
        if self._order is not None:
            answer = self._order.note(Note.of_feed(records))
            try:
                await answer
            except BusError as error:  # it is noted again with all that a lost server forgot
                self.fail(error)
                while self._failure is not None:
                    await asyncio.sleep(_FULL_PAUSE)

    async def _accepted(self, frame: Publication) -> bool:
        """Send one frame; False if it must be sent again.

        Raises:
            RestartError: the server has lost what it held.
        """
        began = monotonic_ns()
        try:
            await self.courier.publish(frame.bus, frame.fields, frame.entry_id)
        except DuplicateEntryError:
            self.driver.n_refused += 1
            return True
        except StreamFullError:
            await asyncio.sleep(_FULL_PAUSE)
        except (ServerUnavailableError, RecoveryNeededError):
            if await self._server_run() != self._run:
                reason = f"the server of {frame.bus} was restarted and is empty"
                raise RestartError(reason) from None
        else:
            return True
        self.stalled_seconds += (monotonic_ns() - began) / 1e9
        return False

    async def _server_run(self) -> str:
        """Run of MarketData's server, whatever was left unanswered."""
        return (await self.courier.run_id(Bus.MARKET_DATA)).partition("/")[0]

    async def _recover(self) -> None:
        if isinstance(self._failure, RestartError):
            self.n_recoveries += 1
            raise self._failure
        await super()._recover()

    async def _look_again(self) -> None:
        """MarketData's server may have been killed too: to look for one server is to take both for known."""
        if await self._server_run() != self._run:
            message = f"the server of {Bus.MARKET_DATA} was restarted and is empty"
            raise RestartError(message)

    async def _checkpoint(self) -> None:
        """Take a checkpoint, or keep the one that was taken once every reader has passed it."""
        if self._candidate is not None and await self._is_passed(self._candidate):
            captured, self._candidate = self._candidate, None
            await self._keep(captured)
        self._wants_candidate = self._candidate is None
        if self._wants_candidate and self.ended:
            await self._take_candidate()

    async def _is_passed(self, candidate: Captured) -> bool:
        """Whether the source may begin again here; a live one goes on from its notes in any case."""
        return self._order is not None or await self._lowest_reader() >= candidate.covered

    async def _take_candidate(self) -> None:
        """Take a checkpoint between two chunks, when all frames are sent."""
        await self.sender.settled()
        if self._failure is None:
            self._candidate, self._wants_candidate = self._capture(), False

    def _is_news_final(self) -> bool:
        return False  # the last checkpoint too waits for the readers

    async def _drain(self) -> None:
        await self._end_life()

    async def _lowest_reader(self) -> int:
        """Last record that every reader had passed some seconds ago: no server forgets that any more."""
        now = monotonic_ns()
        try:
            places = await positions.load_all(self.courier, self._readers)
        except BusError as error:
            self.fail(error)
            return 0
        records = [place.records if place else None for place in places.values()]
        epoch = self.runtime.outputs.epoch
        passed = [cursor.sequence if cursor and cursor.epoch == epoch else 0 for cursor in records]
        self._passed.append((now, min(passed, default=0)))
        while len(self._passed) > 1 and now - self._passed[1][0] >= MINIMUM_AGE:
            self._passed.popleft()
        seen, lowest = self._passed[0]
        return lowest if now - seen >= MINIMUM_AGE else 0
