"""The clock."""

from __future__ import annotations

from itertools import pairwise

from shared.clock import FixedClock, WallClock, monotonic_ns, utc_text, wall_ns


def test_the_wall_clock_says_utc_in_nanoseconds() -> None:
    """Both ways of asking agree and are in this century, in nanoseconds."""
    before, now, after = wall_ns(), WallClock().now(), wall_ns()

    assert before <= now <= after
    assert utc_text(now).startswith("20")


def test_the_monotonic_clock_never_goes_back() -> None:
    """Readings of the monotonic clock do not decrease."""
    readings = [monotonic_ns() for _ in range(100)]

    assert all(earlier <= later for earlier, later in pairwise(readings))


def test_a_fixed_clock_moves_when_told() -> None:
    """A test decides what time it is."""
    clock = FixedClock(10)

    assert clock.now() == clock.now() == 10
    clock.advance(5)
    assert clock.now() == 15


def test_times_are_told_to_the_nanosecond() -> None:
    """ISO 8601 in UTC keeps all nine digits, before 1970 too."""
    assert utc_text(0) == "1970-01-01T00:00:00.000000000Z"
    assert utc_text(-1) == "1969-12-31T23:59:59.999999999Z"
    assert utc_text(1_381_239_000_123_456_789) == "2013-10-08T13:30:00.123456789Z"
