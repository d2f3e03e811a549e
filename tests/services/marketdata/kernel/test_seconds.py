"""The seconds that get a clock, against the rule said in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.records import START_OF_TIME
from services.marketdata.kernel.seconds import SECOND, count_clocks, next_clock, next_second

TIMES = st.integers(-100 * SECOND, 100 * SECOND)
PAUSES = st.one_of(st.integers(0, 20 * SECOND), st.integers(0, 20).map(lambda seconds: seconds * SECOND))


@given(TIMES, PAUSES, st.integers(1, 5).map(lambda seconds: seconds * SECOND))
def test_clocks_between_two_records(last: int, pause: int, idle: int) -> None:
    """Each whole second in (last, next] that is at most the idle time after last, or is the last of them."""
    until = last + pause
    passed = range(next_second(last), until + 1, SECOND)
    expected = [second for second in passed if second - last <= idle or second == passed[-1]]
    found = []
    clock = next_clock(last // SECOND * SECOND, last, until, idle)
    while clock <= until:
        found.append(clock)
        clock = next_clock(clock, last, until, idle)

    assert found == expected
    assert count_clocks(last, until, idle) == len(expected)


def test_no_clock_precedes_the_first_record() -> None:
    """The feed's time begins with its first record."""
    assert count_clocks(START_OF_TIME, 1_700_000_000 * SECOND, SECOND) == 0


@pytest.mark.parametrize(
    ("time", "following"),
    [(0, 1), (1, 1), (SECOND - 1, 1), (SECOND, 2), (-1, 0), (-SECOND, 0), (-SECOND - 1, -1)],
)
def test_next_second(time: int, following: int) -> None:
    """The first whole second after a time, before 1970 too."""
    assert next_second(time) == following * SECOND


def test_the_start_of_time_has_come() -> None:
    """Before the first record the next second is always due."""
    assert next_second(START_OF_TIME) == START_OF_TIME
