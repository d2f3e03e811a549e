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
from typing import ClassVar, Final, TypeAlias

from bus.envelope import AnyEvent
from bus.records import END_OF_TIME, START_OF_TIME, Records

MARKET_DATA: Final = ""
"""Lane name of the MarketData bus; sorts before every source."""


Key: TypeAlias = tuple[int, str, int]
"""Place of an input in the total order: when it becomes visible, its source, its sequence."""

_HIGHEST: Final[Key] = (END_OF_TIME, "\U0010ffff", 0)


class Lane:
    """Messages of one source over edges of one delay, in the order the source said them.

    All lanes are asked for their keys whenever one changes, so a lane works its key out when it changes.
    """

    __slots__ = ("delay", "events", "is_empty", "key", "records", "source", "watermark")

    def __init__(self, source: str, delay: int) -> None:
        self.source = source
        self.delay = delay
        self.watermark = START_OF_TIME
        """All messages of the source at or before this time have been offered, ns."""
        self.events: deque[AnyEvent] = deque()
        self.records: deque[Records] = deque()
        self.is_empty: bool
        """Whether nothing waits here."""
        self.key: Key
        """Lowest key this lane can still bring: of what waits, else of what may come."""
        self.settle()

    def settle(self) -> None:
        """Work the key out again; whoever changes anything else calls this after it."""
        self.is_empty = False
        if self.events:
            event = self.events[0]
            self.key = (event.ts_event + self.delay, self.source, event.sequence)
        elif self.records:
            head = self.records[0]
            self.key = (head.first_ts_init + self.delay, self.source, head.first_sequence)
        else:
            self.is_empty = True
            self.key = (min(self.watermark + self.delay + 1, END_OF_TIME), self.source, 0)


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
        self._order = list(self._lanes.values())
        self.sources = frozenset(lane.source for lane in self._order)
        """Sources that have a lane."""
        self._by_source = {
            source: [lane for lane in self._order if lane.source == source] for source in self.sources
        }

    def offer_records(self, records: Records) -> None:
        """Take a slice of the record flow; slices come in order."""
        lane = self._lanes[MARKET_DATA, 0]
        lane.records.append(records)
        if lane.is_empty:
            lane.settle()

    def offer_event(self, event: AnyEvent, delay: int) -> None:
        """Take an event; those of one source come in order."""
        lane = self._lanes[event.source, delay]
        lane.events.append(event)
        if lane.is_empty:
            lane.settle()

    def advance(self, source: str, watermark: int) -> None:
        """Note how far a source has got; a lower watermark than known is old news."""
        for lane in self._by_source.get(source, ()):
            if watermark > lane.watermark:
                lane.watermark = watermark
                if lane.is_empty:
                    lane.settle()

    def hold(self, source: str, time: int) -> None:
        """Let nothing that comes after ``time`` be taken before the source's next event, or its next promise.

        A producer that is about to say something at that time, and may still say it, holds its readers so.
        """
        for lane in self._by_source.get(source, ()):
            lane.watermark = time - 1 - lane.delay
            lane.settle()

    def put_back(self, item: Records | AnyEvent, delay: int = 0) -> None:
        """Take back an event, or the rest of a slice, that was taken and not handled."""
        if isinstance(item, Records):
            lane = self._lanes[MARKET_DATA, 0]
            lane.records.appendleft(item)
        else:
            lane = self._lanes[item.source, delay]
            lane.events.appendleft(item)
        lane.settle()

    def take(self) -> Records | AnyEvent | None:
        """The next input that nothing can precede: an event, or as long a slice of records as is safe."""
        first: Lane | None = None
        lowest = runner_up = _HIGHEST
        for lane in self._order:
            key = lane.key
            if key < lowest:
                first, lowest, runner_up = lane, key, lowest
            elif key < runner_up:
                runner_up = key
        if first is None or first.is_empty:
            return None
        taken = first.events.popleft() if first.events else self._take_records(first, runner_up[0])
        first.settle()
        return taken

    def horizon(self, *, delays: bool = True) -> int:
        """Time through which every input has been taken and none can come, ns.

        Without the lanes' delays it is a weaker bound. An engine that had nothing to handle promises only
        that one: else two engines that wait for each other would raise their promises by a delay a round,
        for ever.
        """
        through = END_OF_TIME
        for lane in self._order:
            if not lane.is_empty:
                complete = lane.key[0] - 1
            elif lane.watermark == START_OF_TIME:
                complete = START_OF_TIME
            else:
                complete = lane.watermark + lane.delay * delays
            if complete < through:
                through = complete
        return through

    def earliest(self) -> int | None:
        """Time at which the first waiting input becomes visible, ns; None if nothing waits."""
        waiting = [lane.key[0] for lane in self._order if not lane.is_empty]
        return min(waiting, default=None)

    def earliest_without(self, silent: frozenset[str]) -> int:
        """Time at which the next input can become visible if these sources say no more, ns."""
        bounds = [lane.key[0] for lane in self._order if not lane.is_empty or lane.source not in silent]
        return min(bounds, default=END_OF_TIME)

    def watermarks(self) -> dict[str, int]:
        """Watermark of every source, as it would be without the records that wait: those are read again."""
        return {
            lane.source: min(lane.watermark, lane.records[0].first_ts_init - 1)
            if lane.records
            else lane.watermark
            for lane in self._order
        }

    def first_waiting_record(self) -> int | None:
        """Sequence of the first market record not yet taken, None if none waits."""
        lane = self._lanes.get((MARKET_DATA, 0))
        return lane.records[0].first_sequence if lane and lane.records else None

    def waiting_events(self) -> list[tuple[int, AnyEvent]]:
        """Events not yet taken, each with the delay of its lane."""
        return [(lane.delay, event) for lane in self._order for event in lane.events]

    @staticmethod
    def _take_records(lane: Lane, limit: int) -> Records:
        """Records up to the lowest time of any other lane; MarketData wins ties, so that time is included."""
        ready: list[Records] = []
        while lane.records and lane.records[0].first_ts_init <= limit:
            head = lane.records.popleft()
            if head.last_ts_init > limit:
                head, rest = head.split_after_time(limit)
                lane.records.appendleft(rest)
            ready.append(head)
        return Records.joined(ready)
