"""The event-time merge: one total order of an engine's inputs, whatever the order they arrived in.

Inputs are handled in the order of (visible_at, source, sequence). A market record is visible at its
``ts_init``; an event at its ``ts_event`` plus the declared delay of its edge. On ties MarketData goes
first, then the sources by name. Each source promises, by its **watermark**, that all its messages at or
before it are out; an input waits until no other lane can still bring one that belongs before it. That makes
a replay a conservative discrete-event simulation (Chandy & Misra 1979): its result depends on neither
arrival, cut, nor process count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

from bus.envelope import AnyEvent
from bus.records import END_OF_TIME, START_OF_TIME, Records

MARKET_DATA: Final = ""
"""Lane name of the MarketData bus; sorts before every source."""


class Key(NamedTuple):
    """Place of an input in the total order."""

    visible_at: int
    source: str
    sequence: int


@dataclass
class Lane:
    """Messages of one source over edges of one delay, in the order the source said them."""

    source: str
    delay: int = 0
    watermark: int = START_OF_TIME
    """All messages of the source at or before this time have been offered, ns."""
    events: deque[AnyEvent] = field(default_factory=deque)
    records: deque[Records] = field(default_factory=deque)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return not self.events and not self.records

    def bound(self) -> Key:
        """Lowest key this lane can still bring: of what waits, else of what may come."""
        if self.events:
            event = self.events[0]
            return Key(event.ts_event + self.delay, self.source, event.sequence)
        if self.records:
            head = self.records[0]
            return Key(head.first_ts_init + self.delay, self.source, head.first_sequence)
        return Key(min(self.watermark + self.delay + 1, END_OF_TIME), self.source, 0)


class Merge:
    """The inputs of one engine that were received and not yet handled.

    >>> merge = Merge([("a", 0), ("b", 5)])
    >>> merge.horizon() == START_OF_TIME
    True
    """

    waits: ClassVar[bool] = True
    """Whether an input waits for what may come before it."""

    def __init__(self, lanes: Iterable[tuple[str, int]]) -> None:
        self._lanes = {(source, delay): Lane(source, delay) for source, delay in lanes}

    @property
    def sources(self) -> frozenset[str]:
        """Sources that have a lane."""
        return frozenset(lane.source for lane in self._lanes.values())

    def offer_records(self, records: Records) -> None:
        """Take a slice of the record flow; slices come in order."""
        self._lanes[MARKET_DATA, 0].records.append(records)

    def offer_event(self, event: AnyEvent, delay: int) -> None:
        """Take an event; those of one source come in order."""
        self._lanes[event.source, delay].events.append(event)

    def advance(self, source: str, watermark: int) -> None:
        """Note how far a source has got; a lower watermark than known is old news."""
        for lane in self._lanes.values():
            if lane.source == source:
                lane.watermark = max(lane.watermark, watermark)

    def hold(self, source: str, time: int) -> None:
        """Let nothing that comes after ``time`` be taken before the source's next event, or its next promise.

        A producer that is about to say something at that time, and may still say it, holds its readers so.
        """
        for lane in self._lanes.values():
            if lane.source == source:
                lane.watermark = time - 1 - lane.delay

    def put_back(self, item: Records | AnyEvent, delay: int = 0) -> None:
        """Take back an event, or the rest of a slice, that was taken and not handled."""
        if isinstance(item, Records):
            self._lanes[MARKET_DATA, 0].records.appendleft(item)
        else:
            self._lanes[item.source, delay].events.appendleft(item)

    def take(self) -> Records | AnyEvent | None:
        """The next input that nothing can precede: an event, or as long a slice of records as is safe."""
        first: Lane | None = None
        lowest = Key(END_OF_TIME, "\U0010ffff", 0)
        runner_up = lowest
        for lane in self._lanes.values():
            bound = lane.bound()
            if bound < lowest:
                first, lowest, runner_up = lane, bound, lowest
            elif bound < runner_up:
                runner_up = bound
        if first is None or first.is_empty:
            return None
        return first.events.popleft() if first.events else self._take_records(first, runner_up)

    def horizon(self, *, delays: bool = True) -> int:
        """Time through which every input has been taken and none can come, ns.

        Without the lanes' delays it is a weaker bound. An engine that had nothing to handle promises only
        that one: else two engines that wait for each other would raise their promises by a delay a round,
        for ever.
        """
        return min((_complete_through(lane, delays) for lane in self._lanes.values()), default=END_OF_TIME)

    def earliest(self) -> int | None:
        """Time at which the first waiting input becomes visible, ns; None if nothing waits."""
        waiting = [lane.bound().visible_at for lane in self._lanes.values() if not lane.is_empty]
        return min(waiting, default=None)

    def earliest_without(self, silent: frozenset[str]) -> int:
        """Time at which the next input can become visible if these sources say no more, ns."""
        bounds = [
            lane.bound().visible_at
            for lane in self._lanes.values()
            if not lane.is_empty or lane.source not in silent
        ]
        return min(bounds, default=END_OF_TIME)

    def watermarks(self) -> dict[str, int]:
        """Watermark of every source, as it would be without the records that wait: those are read again."""
        return {
            lane.source: min(lane.watermark, lane.records[0].first_ts_init - 1)
            if lane.records
            else lane.watermark
            for lane in self._lanes.values()
        }

    def first_waiting_record(self) -> int | None:
        """Sequence of the first market record not yet taken, None if none waits."""
        lane = self._lanes.get((MARKET_DATA, 0))
        return lane.records[0].first_sequence if lane and lane.records else None

    def waiting_events(self) -> list[tuple[int, AnyEvent]]:
        """Events not yet taken, each with the delay of its lane."""
        return [(lane.delay, event) for lane in self._lanes.values() for event in lane.events]

    @staticmethod
    def _take_records(lane: Lane, limit: Key) -> Records:
        """Records up to the lowest key of any other lane; MarketData wins ties, so that time is included."""
        ready: list[Records] = []
        while lane.records and lane.records[0].first_ts_init <= limit.visible_at:
            head = lane.records.popleft()
            if head.last_ts_init > limit.visible_at:
                head, rest = head.split_after_time(limit.visible_at)
                lane.records.appendleft(rest)
            ready.append(head)
        return Records.joined(ready)


def _complete_through(lane: Lane, delays: bool) -> int:
    if not lane.is_empty:
        return lane.bound().visible_at - 1
    if lane.watermark == START_OF_TIME:
        return START_OF_TIME
    return min(lane.watermark + lane.delay * delays, END_OF_TIME)
