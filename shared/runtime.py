"""The one loop of every engine: receive, merge, handle, number, hand out.

A `Runtime` is synchronous and does no I/O: a driver gives it stream entries and takes its publications. A
handler that raises costs its input alone: that input becomes a dead letter and the loop goes on. A wrong
setting is the exception: it stops the engine, because every later result would rest on it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bus.envelope import AnyEvent, Cause
from bus.merge import MARKET_DATA
from bus.messages.control import DeadLetter, EngineStatus, Gap, Watermark
from bus.outbox import Publication
from bus.records import START_OF_TIME, Records
from bus.topics import COMMAND, Bus
from bus.transport import Entry
from shared import dead_letters
from shared.clock import Clock
from shared.engine import Emit, Engine
from shared.errors import SettingsError
from shared.inputs import Inputs
from shared.latency import Recorder, stopwatch
from shared.outputs import Outputs
from shared.spec import EngineSpec


class Runtime:
    """One engine between two buses."""

    def __init__(
        self,
        spec: EngineSpec,
        engine: Engine[Any],
        lanes: Iterable[tuple[str, int]],
        clock: Clock,
        frame_size: int,
    ) -> None:
        self.spec = spec
        self.engine = engine
        self.inputs = Inputs(spec, lanes)
        self.outputs = Outputs(spec, clock, frame_size)
        self.recorder = Recorder(spec.rungs)
        self.watermark = START_OF_TIME
        """Promise to readers: all events at or before it are handed out, ns."""
        self.now = START_OF_TIME
        """Engine time: when the last input handled became visible, ns."""
        self.n_handled = 0
        self.n_dead_letters = 0
        self.n_missing = 0
        self.letters: list[DeadLetter] = []
        """Dead letters since the owner last took them."""
        self._started: int | None = None

    def receive(self, bus: Bus, entry: Entry) -> None:
        """Take one stream entry; nothing is handled yet."""
        self._started = self._started or stopwatch()
        self.inputs.receive(bus, entry)

    def feed(self, records: Records) -> None:
        """Take a slice of a source's feed."""
        self._started = self._started or stopwatch()
        self.inputs.feed(records)

    def step(self) -> int:
        """Handle every input whose time has come; returns how many records and events that were."""
        n_before = self.n_handled
        self._report_losses()
        while (item := self.inputs.merge.take()) is not None:
            if isinstance(item, Records):
                self._handle_records(item)
            else:
                self._handle_event(item)
        n_handled = self.n_handled - n_before
        self.promise(self.inputs.merge.horizon(delays=n_handled > 0))
        if n_handled and self._started:
            self.recorder.observe_batch(stopwatch() - self._started, n_handled)
        self._started = None
        return n_handled

    def promise(self, watermark: int) -> None:
        """Tell readers that all events at or before a time are out, if that is news."""
        if watermark > self.watermark and not self.spec.is_source:
            self.watermark = watermark
            self.repeat_promise()

    def repeat_promise(self) -> None:
        """Tell readers again how far this engine has got."""
        if self.watermark > START_OF_TIME:
            self.outputs.event(Watermark(watermark=self.watermark), self.now, None, None)

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
        if self.spec.is_source:
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
            self.outputs.event(payload, ts_event, sequence, Cause(Bus.MARKET_DATA.value, sequence))

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
            self._set_aside(dead_letters.of_event(event, error, redriven_from))
            return
        for payload, sequence in emitted:
            self.outputs.event(
                payload, self.now, event.trace or sequence or None, Cause(event.source, event.sequence)
            )

    def _redriven(self, letter: DeadLetter) -> list[Emit]:
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

    def _handler(self, message_type: str) -> Callable[[AnyEvent], Iterable[Emit]]:
        handler: Callable[[AnyEvent], Iterable[Emit]] | None = getattr(
            self.engine, f"on_{message_type}", None
        )
        if handler is None:
            message = f"Expected a message that `{self.spec.name}` handles, got `{message_type}`"
            raise LookupError(message)
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
