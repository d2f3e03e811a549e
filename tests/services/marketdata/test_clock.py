"""The clock of the feed: a record for each second that passes, and none for the seconds of a long silence."""

from __future__ import annotations

import pytest

from services.marketdata.config import Config
from services.marketdata.engine import create
from tests.services.marketdata.flows import Flow, clocks, kinds_of, play


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.5], []),
        ([1.0], []),
        ([0.5, 0.9], []),
        ([0.5, 1.0], [1]),
        ([0.5, 3.2], [1, 2, 3]),
        ([1.0, 1.9, 2.0, 2.0], [2]),
        ([0.5, 3.5], [1, 2, 3]),  # a silence of just the idle time
        ([0.5, 3.6], [1, 2, 3]),
        ([0.5, 4.0], [1, 2, 3, 4]),  # past it: the last second at or before the record
        ([0.5, 5.7], [1, 2, 3, 5]),
        ([0.5, 86_400.1], [1, 2, 3, 86_400]),
        ([1.0, 5.0], [2, 3, 4, 5]),
        ([1.0, 6.0], [2, 3, 4, 6]),
        ([0.5, 86_400.1, 86_400.2, 86_401], [1, 2, 3, 86_400, 86_401]),
    ],
)
def test_seconds_that_get_a_clock(times: list[float], expected: list[float]) -> None:
    """With an idle time of 3 s: every second of activity, three more, and the last before a record."""
    flow = Flow("A.X", at=times[0])
    for time in times:
        flow.trade(time, 100)
    said = play(create(Config(bars=(), clock_idle_seconds=3)), flow.records())

    assert clocks(said) == expected
    assert said.clock["ts_event"].tolist() == said.clock["ts_init"].tolist()


def test_a_clock_stands_before_the_first_record_of_its_time() -> None:
    """A record at the very second comes after that second's clock; so do instruments and quotes."""
    flow = Flow("A.X", at=0.5).trade(1, 100).quote(2, 1, 2).define(1, "B.X", 3).bar(4, 1, 1, 1, 1)

    assert kinds_of(play(create(Config(bars=())), flow.records())) == "ictcqcicb"


def test_the_clock_goes_by_receipt() -> None:
    """``ts_init`` moves the clock; a late record's ``ts_event`` does not move it back."""
    flow = Flow("A.X", at=0.5).trade(0.1, 100, seen=1.5).trade(0.2, 100, seen=2.5)

    assert clocks(play(create(Config(bars=())), flow.records())) == [1, 2]


def test_a_file_of_daily_records_makes_few_clocks() -> None:
    """Ten years of daily bars give at most a minute and one clock each."""
    flow = Flow("A.X")
    for day in range(1, 2_501):
        flow.bar(86_400 * day, 1, 1, 1, 1)

    assert len(play(create(Config()), flow.records()).clock) == 2_500 * 61
