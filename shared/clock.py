"""The wall clock: the only place of the fleet that reads it.

Engines never see it; their time is the records'. What a driver stamps on a publication or a log line comes
from here, through a `Clock` that tests replace by a `FixedClock`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final, Protocol

_SECOND: Final = 1_000_000_000


def wall_ns() -> int:
    """UTC now, ns since 1970."""
    return time.time_ns()


def monotonic_ns() -> int:
    """Time for deadlines and ages, ns; it never goes back and its zero means nothing."""
    return time.monotonic_ns()


def pause(seconds: float) -> None:
    """Let time pass, in a program that has nothing else to do."""
    time.sleep(seconds)


def utc_text(nanoseconds: int) -> str:
    """A time as ISO 8601 in UTC, to the nanosecond.

    >>> utc_text(1_381_239_000_000_000_001)
    '2013-10-08T13:30:00.000000001Z'
    """
    seconds, fraction = divmod(nanoseconds, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


class Clock(Protocol):
    """Whoever can say what time it is."""

    def now(self) -> int:
        """UTC now, ns since 1970."""


class WallClock:
    """The machine's clock."""

    now = staticmethod(time.time_ns)
    """UTC now, ns since 1970."""


class FixedClock:
    """A clock that stands still until it is moved.

    >>> clock = FixedClock(5)
    >>> clock.advance(3)
    >>> clock.now()
    8
    """

    def __init__(self, nanoseconds: int = 0) -> None:
        self._nanoseconds = nanoseconds

    def now(self) -> int:
        """The time it was set to, ns."""
        return self._nanoseconds

    def advance(self, nanoseconds: int) -> None:
        """Move on by some nanoseconds."""
        self._nanoseconds += nanoseconds
