"""Timers in engine time: multiples of an interval, between the inputs they lie between.

A timer at T is called after every input at or before T and before any later one, whether the next input has
come or it is only certain that none comes before T. Between two inputs it is called once, at the first
multiple: silence is not filled with calls. So it depends on the inputs alone, and on no clock.
"""

from __future__ import annotations

from bus.records import START_OF_TIME


class Timer:
    """When an engine is to be called next.

    >>> timer = Timer(10)
    >>> timer.due_before(25, now=START_OF_TIME) is None  # it begins with the first input
    True
    >>> timer.due_before(37, now=25), timer.due_before(29, now=25)
    (30, None)
    """

    def __init__(self, interval: int) -> None:
        self.fired = START_OF_TIME
        """Last multiple that was called or passed over in silence, ns."""
        self._interval = interval

    @property
    def next(self) -> int:
        """The next multiple."""
        return self.fired + self._interval

    def due_before(self, time: int, now: int) -> int | None:
        """The multiple to call before an input of that time is handled, None if there is none.

        Args:
            time: of the next input, or of nothing at all before it, ns.
            now: of the last input or call, ns.
        """
        if now == START_OF_TIME:
            self.fired = (time - 1) // self._interval * self._interval
            return None
        return self.next if self.fired != now and self.next < time else None

    def pass_over(self, time: int) -> None:
        """An input of this time is handled now: multiples before it are past."""
        self.fired = max(self.fired, (time - 1) // self._interval * self._interval)
