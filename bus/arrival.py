"""Inputs in the order in which they arrived: what a live engine handles instead of the event-time merge.

Nobody waits for anybody's promise, so what an engine says depends on the order. The order is therefore noted
before its results are said, and a restored engine takes its inputs in that order again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from bus.envelope import AnyEvent
from bus.merge import MARKET_DATA
from bus.records import END_OF_TIME, START_OF_TIME, Records


class Arrival:
    """The inputs of one live engine that were received and not yet handled; it serves as a `bus.merge.Merge`.

    >>> arrival = Arrival([("a", 0)])
    >>> arrival.take() is None, arrival.horizon() == START_OF_TIME
    (True, True)
    """

    waits: ClassVar[bool] = False
    """Nothing waits for anything."""

    def __init__(self, lanes: Iterable[tuple[str, int]]) -> None:
        self._watermarks: dict[str, int] = dict.fromkeys(dict(lanes), START_OF_TIME)
        self.sources = frozenset(self._watermarks)
        """Sources that have a lane."""
        self._waiting: deque[tuple[Records | AnyEvent, int]] = deque()
        self._through = START_OF_TIME
        """Latest time of anything that was taken, ns."""

    def offer_records(self, records: Records) -> None:
        """Take a slice of the record flow; slices come in order."""
        self._waiting.append((records, 0))

    def offer_event(self, event: AnyEvent, delay: int) -> None:
        """Take an event."""
        self._waiting.append((event, delay))

    def advance(self, source: str, watermark: int) -> None:
        """Note how far a source has got; a lower watermark than known is old news."""
        if source in self._watermarks:
            self._watermarks[source] = max(self._watermarks[source], watermark)

    def hold(self, source: str, time: int) -> None:
        """Nothing is held up: a command takes effect when it arrives."""

    def put_back(self, item: Records | AnyEvent, delay: int = 0) -> None:
        """Take back an event, or the rest of a slice, that was taken and not handled."""
        self._waiting.appendleft((item, delay))

    def take(self) -> Records | AnyEvent | None:
        """What arrived first of what waits."""
        if not self._waiting:
            return None
        item, delay = self._waiting.popleft()
        time = item.last_ts_init if isinstance(item, Records) else item.ts_event + delay
        self._through = max(self._through, time)
        return item

    def horizon(self, *, delays: bool = True) -> int:
        """Time through which nothing more will be said, ns: before what was taken last, or all of it."""
        if not self._waiting and min(self._watermarks.values()) == END_OF_TIME:
            return END_OF_TIME
        return self._through - 1 if self._through > START_OF_TIME else START_OF_TIME

    def earliest(self) -> int | None:
        """Time of the first input that waits, ns; None if nothing waits."""
        if not self._waiting:
            return None
        item, delay = self._waiting[0]
        return item.first_ts_init if isinstance(item, Records) else item.ts_event + delay

    def earliest_without(self, silent: frozenset[str]) -> int:
        """Nobody waits for anybody."""
        return END_OF_TIME

    def watermarks(self) -> dict[str, int]:
        """Watermark of every source, as it would be without the records that wait: those are read again."""
        marks = dict(self._watermarks)
        if self.first_waiting_record() is not None:
            marks[MARKET_DATA] = min(marks[MARKET_DATA], self._through)
        return marks

    def first_waiting_record(self) -> int | None:
        """Sequence of the first market record not yet taken, None if none waits."""
        found = (item.first_sequence for item, _ in self._waiting if isinstance(item, Records))
        return next(found, None)

    def waiting_events(self) -> list[tuple[int, AnyEvent]]:
        """Events not yet taken, each with its delay."""
        return [(delay, item) for item, delay in self._waiting if not isinstance(item, Records)]
