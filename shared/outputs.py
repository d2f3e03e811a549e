"""What an engine says: numbered, stamped, encoded, ready for a transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from bus import codec, frames
from bus.envelope import Cause, Event
from bus.outbox import Publication
from bus.records import CLOCK, END_OF_TIME, Records
from bus.topics import DEAD_LETTER, ENGINE_STATUS, GAP, STANDING, WATERMARK, Bus, Topic
from shared.clock import Clock
from shared.spec import EngineSpec

_OPERATIONAL: Final = (DEAD_LETTER, ENGINE_STATUS, GAP, STANDING, WATERMARK)

_ENGINE_LOGIC: Final = Bus.ENGINE_LOGIC
"""Its member, looked up once: that costs a call of a Python function each time."""


class Outputs:
    """Publications of one engine since they were last taken, and its output sequence."""

    def __init__(self, spec: EngineSpec, clock: Clock, frame_size: int) -> None:
        self._source = spec.name
        self._clock = clock
        self._frame_size = frame_size
        self._topics = _by_payload((*spec.publishes, *_OPERATIONAL))
        self._ready: list[Publication] = []
        self.epoch = 1
        self.sequence = 0
        """Last sequence given to an event, or to a record if this is a source."""
        self.published_through = 0
        """Records up to this sequence stand on the bus already; made again, they are not said again."""

    def event(self, payload: msgspec.Struct, ts_event: int, trace: int | None, cause: Cause | None) -> None:
        """Add an event.

        Raises:
            TypeError: the spec does not declare this payload's topic; a mistake in the engine.
        """
        topic = self._topics.get(type(payload))
        if topic is None:
            got = type(payload).__name__
            message = f"Expected a payload that `{self._source}` declares in `publishes`, got {got}"
            raise TypeError(message)
        self.sequence += not topic.operational
        event = Event(
            type=topic.name,
            version=topic.version,
            source=self._source,
            epoch=self.epoch,
            sequence=self.sequence,
            ts_event=ts_event,
            ts_publish=self._clock.now(),
            trace=trace,
            cause=cause,
            payload=payload,
        )
        number = 0 if topic.operational else self.sequence
        self._ready.append(Publication(_ENGINE_LOGIC, {"e": codec.encode(event)}, self.epoch, number))

    def records(self, records: Records) -> None:
        """Add a slice of the record flow, numbered from here and cut into frames.

        Each frame promises all but its own last instant, since the next one may share that.
        """
        numbered = records.numbered_from(self.sequence)
        self.sequence = numbered.last_sequence
        if numbered.first_sequence <= self.published_through:
            numbered = numbered.split_at_sequence(self.published_through + 1)[1]
        for frame in numbered.cut(self._frame_size):
            self._frame(frame, frame.last_ts_init - 1)

    def finish(self, ts_init: int) -> None:
        """Add the last clock record of a feed that has ended: nothing comes after it."""
        clock = np.zeros(1, CLOCK)
        self.sequence += 1
        clock["sequence"] = self.sequence
        clock["ts_event"] = clock["ts_init"] = ts_init
        if self.sequence > self.published_through:
            self._frame(Records({"clock": clock}), END_OF_TIME)

    def take(self) -> list[Publication]:
        """Publications since the last call, in order."""
        ready, self._ready = self._ready, []
        return ready

    def _frame(self, records: Records, watermark: int) -> None:
        fields = frames.encode(records, epoch=self.epoch, watermark=watermark, ts_publish=self._clock.now())
        self._ready.append(Publication(Bus.MARKET_DATA, fields, self.epoch, records.last_sequence))


def _by_payload(topics: Sequence[Topic]) -> dict[type, Topic]:
    return {topic.payload: topic for topic in topics if topic.payload is not None}
