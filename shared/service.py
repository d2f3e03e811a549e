"""One engine as a process: its runtime between two servers, through crashes of theirs and of its own.

An entry is handled in the turn of the event loop in which it arrives, and its results are handed to the bus
in the same turn; no task stands in between. What is rare (checkpoints, recovery, commands of people) is
asynchronous around it. A `Service` is told to stop, or ends with the error that it cannot mend.

What was published is never published twice: a restored engine first reads what it has said since its
checkpoint, and says only what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from bus.arrival import Arrival
from bus.errors import BusError
from bus.merge import Merge
from bus.records import END_OF_TIME
from bus.redis.errors import AccessRefusedError, EntryTooLargeError
from bus.topics import Bus
from bus.transport import Courier, Entry
from shared import order_log
from shared.clock import Clock, monotonic_ns
from shared.command_desk import CommandDesk
from shared.driver import Captured, Driver
from shared.engine import Engine
from shared.face.subject import Phase
from shared.fleet_settings import FleetSettings
from shared.lift import Lift
from shared.log import get_logger
from shared.order_log import Note, OrderLog
from shared.runtime import Runtime
from shared.sender import Sender
from shared.spec import EngineSpec
from shared.wiring import lanes, loop_of
from shared.worker import Worker

MOST_IN_FLIGHT: Final = 8_192
"""Publications without an answer at which no further entry is handled."""

STATUS_SECONDS: Final = 1.0
"""Between two `engine_status` events."""

_TICK_SECONDS: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_BEYOND_REPAIR: Final = (AccessRefusedError, EntryTooLargeError)


class RestartError(Exception):
    """The engine must begin again from its checkpoint."""


class Service:
    """An engine that reads both buses (a source: commands alone) and says what it concludes."""

    def __init__(
        self,
        spec: EngineSpec,
        make: Callable[[], Engine[Any]],
        fleet: Sequence[EngineSpec],
        courier: Courier,
        clock: Clock,
        settings: FleetSettings,
    ) -> None:
        self.spec = spec
        self.n_lives = 0
        """Times it has begun from its checkpoint, the first one included."""
        self.n_recoveries = 0
        self.n_checkpoints = 0
        self.stalled_seconds = 0.0
        """Time for which publication was held up, by a full stream or a lost server."""
        self._make = make
        self._fleet = fleet
        self.courier = courier
        self._clock = clock
        self._settings = settings
        self._interval = round(settings.checkpoint_seconds * 1e9)
        self._log = get_logger(engine=spec.name)
        self._order = OrderLog(spec.name, courier) if settings.mode == "live" else None
        self.engine = make()
        """One object through all lives, for whoever shows it."""
        self.driver = self._fresh()
        self.sender = Sender(spec.name, courier, clock, self.fail)
        self.sender.on_settled = self.advance
        self.commands = CommandDesk(spec.name, clock)
        self.phase: Phase = "starting"
        self.reason = ""
        self._stop = asyncio.Event()
        self._attention = asyncio.Event()
        self._holds = 1
        self._failure: Exception | None = None
        self._letters: asyncio.Task[None] | None = None
        self._worker = Worker(self, clock)
        self.checkpoint_ts: int | None = None
        self._checkpointed: tuple[Any, ...] = ()

    @property
    def runtime(self) -> Runtime:
        """The runtime of the engine's present life."""
        return self.driver.runtime

    @property
    def finished(self) -> bool:
        """Whether the engine has promised that nothing more comes."""
        return self.runtime.watermark == END_OF_TIME

    def stop(self) -> None:
        """Have `run` finish what is at hand and return."""
        self._stop.set()
        self._attention.set()

    async def run(self) -> None:
        """Work until told to stop.

        Raises:
            BusError: a server refuses us, or stayed away for too long.
            CheckpointError: there is a checkpoint that this engine cannot take.
            SettingsError: a setting does not fit the instruments or the state.
        """
        try:
            while not self._stop.is_set():
                try:
                    await self._begin()
                    await self._attend()
                except RestartError as reason:
                    self._log.warning("begins again from its checkpoint", reason=str(reason))
                    await self._end_life()
            if self.n_lives:  # else there is nothing of ours to keep, and what is kept stays
                await self._drain()
        except Exception as error:
            self._set_phase("failed", str(error))
            raise
        finally:
            self.courier.on_arrival = None
            await self._end_life()

    async def publish_input(self, event: bytes) -> None:
        """Append a command or a result, again after an outage: its identity makes the second one harmless."""
        while True:
            try:
                await self.courier.publish(Bus.ENGINE_LOGIC, {"e": event})
            except _BEYOND_REPAIR:
                raise
            except BusError as error:
                self.fail(error)
                await asyncio.sleep(_TICK_SECONDS)
            else:
                return

    def advance(self) -> None:
        """Handle what can be handled now."""
        if not self._holds and self._failure is None:
            self._take_turn()

    # One life: from a checkpoint to a stop, a failure or a restart.

    def _fresh(self) -> Driver:
        runtime = Runtime(
            self.spec,
            self.engine,
            lanes(self.spec, self._fleet),
            self._clock,
            self._settings.frame_size,
            Merge if self._order is None else Arrival,
        )
        if self._order is None and (peers := loop_of(self.spec, self._fleet)):
            runtime.inputs.lift = Lift(self.spec.name, peers)
        return Driver(runtime, self.courier, self._clock)

    async def _begin(self) -> None:
        self._set_phase("recovering", "reads its checkpoint and what it has said since")
        if self.n_lives:
            recorder, blank = self.runtime.recorder, self._make()
            self.engine.state, self.engine.instruments = blank.state, blank.instruments
            self.driver = self._fresh()
            self.runtime.recorder = recorder
        self.n_lives += 1
        self._failure = None
        self.sender.begin(self.driver.outbox)
        await self.driver.resume()
        await self.driver.recover()
        await self._catch_up()
        await self._prepare()
        if self._order is not None:
            for note in await self._order.read(self.driver.order):
                await order_log.take_again(note, self.courier, self.runtime)
                self._hand_out()
        self._holds = 0
        self.courier.on_arrival = self.advance
        self._set_phase("ready")
        self.advance()

    async def _catch_up(self) -> None:
        """Read Engine Logic to its end: what was said already, and commands, which keep their place."""
        runtime = self.runtime
        known = runtime.inputs.positions[Bus.ENGINE_LOGIC]

        def take(entry: Entry) -> None:
            if self._order is None and entry.id > known:
                runtime.receive(Bus.ENGINE_LOGIC, entry)

        await self.sender.hear(min(self.driver.heard_from or known, known), runtime, take)
        runtime.handed_out()

    async def _prepare(self) -> None:
        """What else must be known before anything is said."""

    async def _end_life(self) -> None:
        self._holds = 1
        self._worker.end()
        if self._letters is not None:
            self._letters.cancel()
            self._letters = None

    async def _attend(self) -> None:
        """See to everything that is not a turn, until told to stop."""
        checkpoint_at = monotonic_ns() + self._interval
        status_at = monotonic_ns()
        while not self._stop.is_set():
            await self._wait()
            if self._failure is not None:
                await self._recover()
            now = monotonic_ns()
            if now >= status_at:
                status_at = now + round(STATUS_SECONDS * 1e9)
                self._say_status()
            if now >= checkpoint_at or self._is_news_final():
                await self._checkpoint()
                checkpoint_at = monotonic_ns() + self._interval

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_TICK_SECONDS):
                await self._attention.wait()
        except TimeoutError:
            return
        self._attention.clear()

    def _is_news_final(self) -> bool:
        return self.finished and self._progress() != self._checkpointed

    # The turn: the hot path.

    def _take_turn(self) -> None:
        runtime, courier = self.runtime, self.courier
        positions = runtime.inputs.positions
        try:
            places = {bus: positions[bus] for bus in self.driver.reads}
            arrived = courier.arrived(places)
            while True:
                for bus, entries in arrived.items():
                    for entry in entries:
                        runtime.receive(bus, entry)
                    places[bus] = positions[bus]
                if arrived and self._order is not None:
                    note = Note(taken=tuple((bus, places[bus]) for bus in arrived))
                    self.sender.expect(self._order.note(note))
                runtime.step(self._send_ready)
                self._hand_out()
                if self.sender.in_flight > MOST_IN_FLIGHT or not (arrived := courier.arrived(places)):
                    return
        except Exception as error:  # noqa: BLE001 - raised again by the task that attends, or mended there
            self.fail(error)

    def _hand_out(self) -> None:
        """Hand to the bus what the runtime has ready; what was said in a former life is not said again."""
        runtime = self.runtime
        self._send_ready()
        runtime.handed_out()
        for applied in runtime.take_applied():
            self.commands.settle(applied, runtime)
        for asked in runtime.works.take_new():
            if asked.sequence in self.sender.answered:
                self.sender.answered.discard(asked.sequence)
            else:
                self._worker.ask(asked)
        if runtime.letters:
            self._save_letters()

    def _send_ready(self) -> None:
        for publication in self.runtime.take():
            self.sender.send(publication)

    def fail(self, error: Exception) -> None:
        """Note what went wrong; the task that attends mends it or ends with it."""
        if self._failure is None or isinstance(error, RestartError):
            self._failure = error
            self._attention.set()

    # What is rare.

    @asynccontextmanager
    async def _quiet(self) -> AsyncIterator[None]:
        """Nothing is handled meanwhile, and everything that was said is acknowledged or failed."""
        self._holds += 1
        try:
            await self.sender.settled()
            yield
        finally:
            self._holds -= 1
            self.advance()

    async def _recover(self) -> None:
        """Find the servers again, and say again what they lost; anything else ends the life."""
        self.n_recoveries += 1
        began, pause = monotonic_ns(), 0.01
        self._holds += 1
        while (error := self._failure) is not None:
            if not isinstance(error, BusError) or isinstance(error, _BEYOND_REPAIR):
                raise error
            self._set_phase("recovering", str(error))
            self._log.warning("recovers", error=str(error))
            self._failure = None
            await self.sender.settled()
            try:
                await self._find_place()
                if self._order is not None:
                    await self._order.recover()
                await self.driver.recover()
                await self.sender.hear_again()
                await self._look_again()
            except BusError as again:
                self._failure = again
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self.stalled_seconds += (monotonic_ns() - began) / 1e9
        self._holds -= 1
        self._set_phase("ready")
        self.advance()

    async def _look_again(self) -> None:
        """What else a restarted server may have lost."""

    async def _find_place(self) -> None:
        """Engine Logic may have lost entries that were read here, and give their ids to others."""
        await self.courier.run_id(Bus.ENGINE_LOGIC)
        positions = self.runtime.inputs.positions
        last = await self.courier.last_id(Bus.ENGINE_LOGIC)
        positions[Bus.ENGINE_LOGIC] = min(positions[Bus.ENGINE_LOGIC], last)

    async def _checkpoint(self) -> None:
        async with self._quiet():
            if self._failure is not None or self._progress() == self._checkpointed:
                return
            progress, captured = self._progress(), self._capture()
        await self._keep(captured)
        self._checkpointed = progress

    def _capture(self) -> Captured:
        order = 0 if self._order is None else self._order.turn_over()
        return self.driver.capture(order, self.sender.heard_from)

    async def _keep(self, captured: Captured) -> None:
        try:
            await self.driver.save(captured)
            if self._order is not None:
                await self._order.forget(captured.order)
        except BusError as error:
            self.fail(error)
            return
        self.n_checkpoints += 1
        self.checkpoint_ts = self._clock.now()

    def _progress(self) -> tuple[Any, ...]:
        runtime = self.runtime
        places = tuple(runtime.inputs.positions.values())
        return (runtime.n_handled, runtime.outputs.sequence, runtime.watermark, places)

    def _say_status(self) -> None:
        if not self._holds and self._failure is None:
            runtime = self.runtime
            runtime.outputs.event(runtime.status(self._clock.now()), runtime.now, None, None)
            self._hand_out()

    def _save_letters(self) -> None:
        if self._letters is None or self._letters.done():
            self._letters = asyncio.get_running_loop().create_task(self._keep_letters())

    async def _keep_letters(self) -> None:
        try:
            while self.runtime.letters:
                await self.driver.keep_letters()
        except BusError as error:
            self.fail(error)

    async def _drain(self) -> None:
        """Before a stop: everything said is acknowledged, and the last checkpoint is kept."""
        self._set_phase("draining")
        if self._failure is not None:
            await self._recover()
        if self._letters is not None:
            await self._letters
        await self._checkpoint()

    def _set_phase(self, phase: Phase, reason: str = "") -> None:
        self.phase, self.reason = phase, reason
