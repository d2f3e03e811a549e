"""The recorder as a process: reads both buses, flushes, says how far it has got, trims.

Reading goes on while a batch is written, in a thread that holds the disk and nothing else. Reading waits
when more was collected than a batch should hold, and while the disk refuses: then nothing is promised or
trimmed either, so that whoever fills the streams is seen to stall, and all goes on by itself once there is
room. While one server is lost the other is read on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from bus import positions
from bus.errors import BusError
from bus.positions import Position
from bus.redis.errors import AccessRefusedError, ServerUnavailableError
from bus.topics import Bus
from bus.transport import Courier, EntryId
from knotmeter.recorder.manifest import Manifest
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.trimmer import Trimmer, Usage
from knotmeter.recorder.vitals import RecorderVitals, vitals_of
from shared.clock import Clock, WallClock, monotonic_ns
from shared.errors import OutputError
from shared.face.subject import Phase, Readiness
from shared.fleet_settings import RECORDER
from shared.log import get_logger

DRAIN_SECONDS: Final = 4.0
"""A stop takes no longer than this, whatever servers and disk do."""

READ_LIMIT: Final = 1_024
"""Entries taken of a bus at a time."""

_PAUSE: Final = 0.1


class RecorderProcess:
    """One recorder between two servers and a disk; whoever made courier and recording closes them."""

    def __init__(
        self,
        courier: Courier,
        recorder: Recorder,
        trimmer: Trimmer,
        flush_seconds: float = 1.0,
        usage: Callable[[], Awaitable[Mapping[Bus, Usage]]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.recorder = recorder
        self.trimmer = trimmer
        self.n_flushes = 0
        self.n_recoveries = 0
        """Times a server was lost and found again."""
        self._courier = courier
        self._flush_seconds = flush_seconds
        self._usage = usage
        self._clock = clock or WallClock()
        self._log = get_logger(engine=RECORDER)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._stop = asyncio.Event()
        self._arrival = asyncio.Event()
        self._due = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._searches: dict[Bus, asyncio.Task[None]] = {}
        self._saying: asyncio.Task[None] | None = None
        self._run_ids: dict[Bus, str] = {}
        self._targets: dict[Bus, EntryId] = {}
        self._phase: Phase = "starting"
        self._problem: OutputError | None = None
        self._stalled_since: int | None = None
        self._stalled = 0
        self._last_flush: int | None = None

    @property
    def manifest(self) -> Manifest:
        """What is promised."""
        return self.recorder.recording.manifest

    def stop(self) -> None:
        """Have `run` put what was received on disk and return."""
        self._stop.set()

    async def run(self) -> None:
        """Record until told to stop.

        Raises:
            BusError: a server refuses us, or stayed away for too long.
            OutputError: the disk refused what was received last; it is on the buses still.
        """
        self._courier.on_arrival = self._arrival.set
        self._phase = "catching_up"
        loop = asyncio.get_running_loop()
        work = (self._read(), self._flush_often(), self._told_to_stop())
        tasks = [loop.create_task(part) for part in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._phase = "draining"
            await self._end([*tasks, *self._searches.values()])
            await self._drain()
            for task in tasks:
                if not task.cancelled():
                    task.result()
            self._check_disk()
        except Exception:
            self._phase = "failed"
            raise
        finally:
            self._courier.on_arrival = None
            await self._end([*tasks, *self._searches.values(), *([self._saying] if self._saying else [])])
            self._disk.shutdown(wait=False, cancel_futures=True)

    def readiness(self) -> Readiness:
        """Whether what is on the buses is being recorded."""
        if self._phase in ("starting", "draining", "failed"):
            return Readiness(ready=False, phase=self._phase)
        if self._problem is not None:
            return Readiness(ready=False, phase="recovering", reason=str(self._problem))
        lost = [bus.value for bus, search in self._searches.items() if not search.done()]
        if lost:
            return Readiness(ready=False, phase="recovering", reason=f"looks for {' and '.join(lost)}")
        behind = [
            bus.value
            for bus in Bus
            if bus not in self._targets or self.recorder.positions[bus] < self._targets[bus]
        ]
        if behind:
            return Readiness(ready=False, phase="catching_up", reason=f"reads {' and '.join(behind)}")
        return Readiness(ready=True, phase="finished" if self.manifest.complete else "ready")

    def vitals(self) -> RecorderVitals:
        """How far the recording has got, and who holds the buses back."""
        stalled = 0 if self._stalled_since is None else monotonic_ns() - self._stalled_since
        return vitals_of(
            self.manifest,
            checkpoint_ts_ns=self._last_flush,
            n_checkpoints=self.n_flushes,
            n_recoveries=self.n_recoveries,
            stalled_seconds=(self._stalled + stalled) / 1e9,
            run_ids={bus.value: run_id for bus, run_id in self._run_ids.items()},
            held_back_by=dict(self.trimmer.held_back_by),
        )

    # Reading.

    async def _read(self) -> None:
        for bus in Bus:
            self._look_for(bus)
        while True:
            await self._room.wait()
            self._arrival.clear()
            n_entries = sum([self._take(bus) for bus in Bus])
            if self.recorder.is_full:
                self._room.clear()
                self._due.set()
            elif n_entries:
                await asyncio.sleep(0)
            else:
                await self._arrival.wait()

    def _take(self, bus: Bus) -> int:
        """Receive what has come over a bus; returns how many entries."""
        search = self._searches.get(bus)
        if search is not None:
            if not search.done():
                return 0
            del self._searches[bus]
            search.result()
        try:
            found = self._courier.arrived({bus: self.recorder.positions[bus]}, READ_LIMIT)
        except AccessRefusedError:
            raise
        except BusError as error:
            self._log.warning("a server was lost", bus=bus.value, error=str(error))
            self.n_recoveries += 1
            self._look_for(bus)
            return 0
        entries = found.get(bus, [])
        for entry in entries:
            self.recorder.receive(bus, entry)
        return len(entries)

    def _look_for(self, bus: Bus) -> None:
        search = self._searches[bus] = asyncio.get_running_loop().create_task(self._find(bus))
        search.add_done_callback(lambda _: self._arrival.set())

    async def _find(self, bus: Bus) -> None:
        """Ask a server who it is and where its stream ends, until it answers or patience is at its end."""
        while True:
            try:
                run_id, last = await self._courier.run_id(bus), await self._courier.last_id(bus)
            except BusError as error:
                if isinstance(error, AccessRefusedError) or type(error) is ServerUnavailableError:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                self._found(bus, run_id, last)
                return

    def _found(self, bus: Bus, run_id: str, last: EntryId) -> None:
        if self._run_ids.setdefault(bus, run_id) != run_id:
            self._run_ids[bus] = run_id
            self.trimmer.forget(bus)
        if bus is Bus.ENGINE_LOGIC:
            # It may have lost entries that we have, and give their ids to others. MarketData's ids are given
            # by its producer, so there the place stays right even if the stream begins anew.
            self.recorder.rewind(bus, last)
        self._targets[bus] = last

    # Writing.

    async def _flush_often(self) -> None:
        while True:
            await self._flush()
            if self._problem is None:
                self._say_progress()
                await self._on_disk(self.recorder.recording.tidy)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._flush_seconds):
                    await self._due.wait()
            self._due.clear()

    async def _flush(self) -> None:
        """Have on disk what was collected, or what could not be written before."""
        batch = self.recorder.cut()
        try:
            await self._on_disk(self.recorder.recording.write, batch)
        except OutputError as error:
            if self._problem is None:
                self._log.error("the disk refuses; nothing is read until it takes more", error=str(error))
                self._stalled_since = monotonic_ns()
            self._problem = error
            self._room.clear()
            return
        self.recorder.written()
        self.n_flushes += 1
        self._last_flush = self._clock.now()
        if self._stalled_since is not None:
            self._log.warning("the disk takes again what is recorded")
            self._stalled += monotonic_ns() - self._stalled_since
            self._problem = self._stalled_since = None
        if self.recorder.is_full:
            self._due.set()
        else:
            self._room.set()

    async def _on_disk(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)

    # Saying how far it has got.

    def _say_progress(self) -> None:
        """Start saying so, unless that is still going on: a lost server must not keep us from writing."""
        if self._saying is not None:
            if not self._saying.done():
                return
            self._saying.result()
        self._saying = asyncio.get_running_loop().create_task(self._say())

    async def _say(self) -> None:
        manifest = self.manifest
        places = {bus.value: manifest.position(bus) for bus in Bus}
        position = Position(places=places, records=manifest.cursors.get(Bus.MARKET_DATA.value))
        try:
            await positions.save(self._courier, RECORDER, position)
            for bus in Bus:
                self.trimmer.see(bus, places[bus.value])
            usage = None if self._usage is None else await self._usage()
            await self.trimmer.trim(self._courier, {RECORDER: position}, usage)
        except AccessRefusedError:
            raise
        except BusError as error:
            self._log.warning("a server could not be told how far the recording is", error=str(error))

    async def _drain(self) -> None:
        """Have everything on disk and say so, as far as that can be done in time."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                # The first may be the batch that was under way, the second what came meanwhile.
                for _ in range(2):
                    await self._flush()
                if self._problem is None:
                    if self._saying is not None:
                        await asyncio.wait([self._saying])
                    await self._say()
        except TimeoutError:
            self._log.warning(
                "stopped before all was done; the next start goes on from what is promised",
                **self.manifest.positions,
            )

    def _check_disk(self) -> None:
        if self._problem is not None:
            raise self._problem

    async def _told_to_stop(self) -> None:
        await self._stop.wait()

    @staticmethod
    async def _end(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
