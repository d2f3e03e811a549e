"""The pace of a replay: how far it may have got by now, in its own time."""

from __future__ import annotations

from bus.records import END_OF_TIME
from shared.clock import monotonic_ns


class Pace:
    """Lets a replay go on at a multiple of its own time, counted from the first record after a start.

    >>> Pace.parse("max").due(5) == END_OF_TIME
    True
    """

    def __init__(self, factor: float | None) -> None:
        self._factor = factor
        self._origin: tuple[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> Pace:
        """Read ``max`` or a multiple such as ``1x``."""
        return cls(None if text == "max" else float(text.removesuffix("x")))

    def due(self, first: int) -> int:
        """Time of the replay, ns, through which records may go now; ``first`` is that of the next one."""
        if self._factor is None:
            return END_OF_TIME
        if self._origin is None:
            self._origin = (first, monotonic_ns())
        began, started = self._origin
        return began + round((monotonic_ns() - started) * self._factor)

    def wait_seconds(self, first: int) -> float:
        """Seconds until a record of that time may go."""
        if self._factor is None:
            return 0.0
        return max((first - self.due(first)) / self._factor / 1e9, 0.0)
