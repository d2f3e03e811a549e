"""The one loop of every engine: receive, merge, handle, number, hand out.

A `Runtime` is synchronous and does no I/O: a driver gives it stream entries and takes its publications. A
handler that raises costs its input alone: that input becomes a dead letter and the loop goes on. A wrong
setting is the exception: it stops the engine, because every later result would rest on it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from bus.arrival import Arrival
from bus.cursors import Cursor
from bus.envelope import AnyEvent, Cause
from bus.merge import MARKET_DATA, Merge
from bus.messages.control import DeadLetter, EngineStatus, Gap, Standing, Watermark
from bus.outbox import Publication
from bus.records import END_OF_TIME, START_OF_TIME, Records
from bus.topics import COMMAND, RESULT, Bus
from bus.transport import Entry
from shared import dead_letters, works
from shared.clock import Clock
from shared.engine import Emit, Engine, Work
from shared.errors import SettingsError
from shared.inputs import Inputs
from shared.latency import Recorder, stopwatch
from shared.outputs import Outputs
from shared.spec import EngineSpec
from shared.timer import Timer
from shared.works import Asked, Works


class Applied(NamedTuple):
    """A command that took effect, or was refused."""

    source: str
    epoch: int
    sequence: int
    error: str | None


_OF_OURS = frozenset({COMMAND.name, RESULT.name})
_MARKET_DATA_NAME = Bus.MARKET_DATA.value


class Runtime:
    """One engine between two buses."""

    def __init__(
        self,
        spec: EngineSpec,
        engine: Engine[Any],
        lanes: Iterable[tuple[str, int]],
        clock: Clock,
        frame_size: int,
        order: type[Merge | Arrival] = Merge,
    ) -> None:
        self.spec = spec
        self.engine = engine
        self.inputs = Inputs(spec, lanes, order)
        self.outputs = Outputs(spec, clock, frame_size)
        self.recorder = Recorder(spec.rungs)
        self._is_source = spec.is_source
        self._handlers: dict[str, Callable[[AnyEvent], Iterable[Emit | Work]]] = {}
        self.watermark = START_OF_TIME
        """Promise to readers: all events at or before it are handed out, ns."""
        self.now = START_OF_TIME
        """Engine time: when the last input handled became visible, ns."""
        self.n_handled = 0
        self.n_dead_letters = 0
        self.n_missing = 0
        self.letters: list[DeadLetter] = []
        """Dead letters since the owner last took them."""
        self.applied: list[Applied] = []
        """Commands handled since the owner last took them."""
        self._started: int | None = None
        self._n_unobserved = 0
        interval = engine.timer_seconds
        self.timer = None if interval is None else Timer(round(interval * 1e9))
        self.works = Works()
        self._lifted = START_OF_TIME
        self._told: tuple[Standing | None, int] = (None, 0)

    def receive(self, bus: Bus, entry: Entry) -> None:
        """Take one stream entry; nothing is handled yet."""
        self._started = self._started or stopwatch()
        self.inputs.receive(bus, entry)

    def feed(self, records: Records) -> None:
        """Take a slice of a source's feed."""
        self._started = self._started or stopwatch()
        self.inputs.feed(records)

    def step(self, on_answers: Callable[[], None] | None = None) -> int:
        """Handle every input whose time has come; returns how many records and events that were.

        Args:
            on_answers: called before anything is promised: what was concluded need not wait for that.
        """
        n_before = self.n_handled
        if self.inputs.cursors.missing or self.inputs.has_rejected:
            self._report_losses()
        self._handle_ready()
        lifted = False
        while self._lift():
            lifted = True
            self._handle_ready()
        n_handled = self.n_handled - n_before
        if on_answers is not None and n_handled:
            on_answers()
        horizon = self.inputs.merge.horizon(delays=n_handled > 0 or lifted)
        if self.now > START_OF_TIME:
            self._call_timer(min(horizon, END_OF_TIME - 1) + 1)
        self.promise(min(horizon, self.inputs.merge.horizon()) if self.works.open else horizon)
        self._tell_standing()
        self._n_unobserved += n_handled
        return n_handled

    def _handle_ready(self) -> None:
        while (item := self.inputs.merge.take()) is not None:
            if isinstance(item, Records):
                for part in self._on_time(item):
                    self._handle_records(part)
            else:
                self._handle_on_time(item)

    def _on_time(self, records: Records) -> Iterator[Records]:
        """Parts of a slice between calls of the timer, which are made on the way."""
        if self.timer is None:
            yield records
            return
        while len(records):
            self._call_timer(records.first_ts_init)
            if self._waits_for_work(records.last_ts_init):
                self.inputs.merge.put_back(records)
                return
            self.timer.pass_over(records.first_ts_init)
            head, records = records.split_after_time(self.timer.next)
            yield head

    def _waits_for_work(self, time: int) -> bool:
        """Whether the result of a work takes effect before this time, and is waited for."""
        return self.inputs.merge.waits and bool(self.works.open) and time > self.works.open[0].ts_event

    def _handle_on_time(self, event: AnyEvent) -> None:
        """Handle an event after the call of the timer that is due before it."""
        if self.timer is not None:
            delay = self.inputs.delay_of(event.type)
            time = event.ts_event + delay
            self._call_timer(time)
            if self._waits_for_work(time):
                self.inputs.merge.put_back(event, delay)
                return
            self.timer.pass_over(time)
        self._handle_event(event)

    def _call_timer(self, time: int) -> None:
        due = None if self.timer is None else self.timer.due_before(time, self.now)
        if self.timer is None or due is None:
            return
        self.timer.fired = self.now = due
        try:
            emitted = list(self.engine.on_timer(due))
        except (SettingsError, MemoryError):
            raise
        except Exception as error:
            self._set_aside(dead_letters.of_timer(self.spec.name, due, error))
            return
        self._say(emitted, None, None)

    def _say(self, emitted: list[Emit | Work], trace: int | None, cause: Cause | None) -> None:
        """Publish what a handler returned now, and note the works it asks for."""
        for item in emitted:
            if isinstance(item, Work):
                self.works.ask(item, self.now)
                self._hold_for_works()
            else:
                self.outputs.event(item.payload, self.now, trace or item.sequence or None, cause)

    def _hold_for_works(self) -> None:
        """Nothing is handled past the time at which the first result takes effect."""
        worker = works.source_of(self.spec.name)
        if self.works.open:
            self.inputs.merge.hold(worker, self.works.open[0].ts_event)
        else:
            self.inputs.merge.advance(worker, END_OF_TIME)

    def restore_works(self, n_asked: int, still_open: bytes) -> None:
        """Go on from a checkpoint: works that were not answered are to be done."""
        self.works.restore(n_asked, msgspec.msgpack.decode(still_open or b"\x90", type=list[Asked]))
        self._hold_for_works()

    def _lift(self) -> bool:
        """Take note of what is certain of the other engines of a loop; returns whether that is news."""
        lift, merge = self.inputs.lift, self.inputs.merge
        if lift is None:
            return False
        cursors = self.inputs.cursors.positions
        heard = {peer: cursors.get(peer, Cursor(1, 0)) for peer in lift.peers & merge.sources}
        earliest = merge.earliest_without(lift.peers)
        certain = lift.certain_before(self.outputs.sequence, heard, earliest)
        if certain is None or certain <= self._lifted:
            return False
        self._lifted = certain
        for peer in heard:
            merge.advance(peer, END_OF_TIME if certain == END_OF_TIME else certain - 1)
        return True

    def _tell_standing(self) -> None:
        """Say where this engine stands, if it is part of a loop and that is news."""
        lift, merge = self.inputs.lift, self.inputs.merge
        if lift is None:
            return
        cursors = self.inputs.cursors.positions
        heard = {peer: cursors.get(peer, Cursor(1, 0)).sequence for peer in lift.peers & merge.sources}
        standing = Standing(earliest=merge.earliest_without(lift.peers), heard=heard)
        if (standing, self.outputs.sequence) != self._told:
            self._told = (standing, self.outputs.sequence)
            self.outputs.event(standing, self.now, None, None)

    def handed_out(self) -> None:
        """Note that the results of what was handled are on their way: the reaction ends here."""
        if self._n_unobserved and self._started:
            self.recorder.observe_batch(stopwatch() - self._started, self._n_unobserved)
        self._started, self._n_unobserved = None, 0

    def promise(self, watermark: int) -> None:
        """Tell readers that all events at or before a time are out, if that is news."""
        if watermark > self.watermark and not self._is_source:
            self.watermark = watermark
            self.repeat_promise()

    def repeat_promise(self) -> None:
        """Tell readers again how far this engine has got."""
        if self.watermark > START_OF_TIME:
            self.outputs.event(Watermark(watermark=self.watermark), self.now, None, None)
        self._told = (None, 0)

    def finish(self) -> None:
        """Say that a source's feed has ended; an empty feed has no time to say it at."""
        if self.now > START_OF_TIME:
            self.outputs.finish(self.now)

    def take(self) -> list[Publication]:
        """Publications since the last call."""
        return self.outputs.take()

    def take_letters(self) -> list[DeadLetter]:
        """Dead letters since the last call."""
        letters, self.letters = self.letters, []
        return letters

    def take_applied(self) -> list[Applied]:
        """Commands handled since the last call."""
        applied, self.applied = self.applied, []
        return applied

    def status(self, wall_now: int) -> EngineStatus:
        """How the engine is doing; the lag is wall time less engine time."""
        lag = (wall_now - self.now) / 1e9 if self.n_handled else 0.0
        return EngineStatus(
            n_handled=self.n_handled,
            n_dead_letters=self.n_dead_letters,
            n_missing=self.n_missing,
            lag_seconds=lag,
        )

    def _handle_records(self, records: Records) -> None:
        self.n_handled += len(records)
        before = self.now
        if self._is_source:
            self._pass_on(records)
        else:
            self.engine.instruments.learn(records.instrument)
            chosen = records.only(self.spec.record_kinds)
            if len(chosen):
                self._emit(self._attempt(chosen), chosen, before)
        self.now = max(before, records.last_ts_init)

    def _pass_on(self, records: Records) -> None:
        for part in self._attempt(records):
            if len(part):
                self.outputs.records(part)

    def _attempt(self, records: Records) -> list[Any]:
        """Outputs for a slice; if its handler raises, those of its halves, down to the one bad record."""
        try:
            outputs = self.engine.on_records(records)
            return [outputs] if isinstance(outputs, Records) else list(outputs)
        except (SettingsError, MemoryError):
            raise
        except Exception as error:
            if len(records) == 1:
                epoch = self.inputs.cursors.positions[MARKET_DATA].epoch
                self._set_aside(dead_letters.of_record(records, epoch, error))
                return []
        sequences = records.sequences()
        head, tail = records.split_at_sequence(int(sequences[len(sequences) // 2]))
        return self._attempt(head) + self._attempt(tail)

    def _emit(self, emitted: list[Emit], records: Records, before: int) -> None:
        for payload, sequence in emitted:
            ts_event = max(before, _visible_at(records, sequence))
            self.outputs.event(payload, ts_event, sequence, Cause(_MARKET_DATA_NAME, sequence))

    def _handle_event(self, event: AnyEvent) -> None:
        self.n_handled += 1
        self.now = max(self.now, event.ts_event + self.inputs.delay_of(event.type))
        redriven_from = None
        try:
            if event.type == COMMAND.name and event.payload.name == dead_letters.REDRIVE:
                letter = msgspec.convert(event.payload.arguments, DeadLetter)
                redriven_from = letter.producer_sequence
                emitted = self._redriven(letter)
            else:
                emitted = list(self._handler(event.type)(event))
        except (SettingsError, MemoryError):
            raise
        except Exception as error:
            letter = dead_letters.of_event(event, error, redriven_from)
            self._set_aside(letter)
            self._note_command(event, letter.error)
            self._settle_work(event)
            return
        if event.type in _OF_OURS:
            self._note_command(event, None)
            self._settle_work(event)
        self._say(emitted, event.trace, Cause(event.source, event.sequence))

    def _note_command(self, event: AnyEvent, error: str | None) -> None:
        if event.type == COMMAND.name:
            self.applied.append(Applied(event.source, event.epoch, event.sequence, error))

    def _settle_work(self, event: AnyEvent) -> None:
        if event.type == RESULT.name:
            self.works.answered(event.sequence)
            self._hold_for_works()

    def _redriven(self, letter: DeadLetter) -> list[Emit | Work]:
        """Outputs for the input of a dead letter, handled now as late data."""
        late = self.inputs.reopen(letter)
        if not isinstance(late, Records):
            return list(self._handler(late.type)(late))
        outputs = self.engine.on_records(late.only(self.spec.record_kinds))
        if isinstance(outputs, Records):
            message = (
                f"Expected an engine that returns events, got the source `{self.spec.name}`; seek its feed"
            )
            raise TypeError(message)
        return list(outputs)

    def _handler(self, message_type: str) -> Callable[[AnyEvent], Iterable[Emit | Work]]:
        known = self._handlers.get(message_type)
        if known is not None:
            return known
        handler: Callable[[AnyEvent], Iterable[Emit | Work]] | None = getattr(
            self.engine, f"on_{message_type}", None
        )
        if handler is None:
            message = f"Expected a message that `{self.spec.name}` handles, got `{message_type}`"
            raise LookupError(message)
        self._handlers[message_type] = handler
        return handler

    def _set_aside(self, letter: DeadLetter) -> None:
        self.n_dead_letters += 1
        self.letters.append(letter)
        self.outputs.event(letter, self.now, None, None)

    def _report_losses(self) -> None:
        for letter in self.inputs.take_rejected():
            self._set_aside(letter)
        for producer, first, last in self.inputs.cursors.take_missing():
            self.n_missing += last - first + 1
            name = producer or Bus.MARKET_DATA.value
            self.outputs.event(
                Gap(producer=name, first_sequence=first, last_sequence=last), self.now, None, None
            )


def _visible_at(records: Records, sequence: int) -> int:
    """``ts_init`` of the record with this sequence.

    Raises:
        ValueError: the slice has no such record; a mistake in the engine.
    """
    for _, array in records:
        row = bisect_left(array["sequence"], sequence)
        if row < len(array) and array["sequence"][row] == sequence:
            return int(array["ts_init"][row])
    message = f"Expected the sequence of a handled record, got {sequence}"
    raise ValueError(message)
