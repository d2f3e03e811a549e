"""The meter: a bar at a terminal, a plain line now and then elsewhere, nothing when asked to be quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from knotmeter.cli import progress
from knotmeter.cli.progress import INTERVAL, Meter


class HalfRead:
    """A feed that is read to some fraction."""

    n_records: int | None = None
    progress = 0.0


class Time:
    """A clock that the test moves."""

    now = 0

    def __call__(self) -> int:
        """The time it was set to, ns."""
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The meter's clock."""
    clock = Time()
    monkeypatch.setattr(progress, "monotonic_ns", clock)
    return clock


def run(time: Time, stream: io.StringIO, *, terminal: bool, quiet: bool = False) -> str:
    """Two million records in forty seconds, told every five."""
    feed = HalfRead()
    console = Console(file=stream, force_terminal=terminal, width=80, markup=False, highlight=False)
    with Meter(console, feed, quiet=quiet) as meter:
        for step in range(1, 9):
            time.now = step * INTERVAL // 2
            feed.progress = step / 10
            meter.on_chunk(step * 250_000)
    return stream.getvalue()


def test_elsewhere_a_line_now_and_then(time: Time) -> None:
    """Every ten seconds: percent, records, rate, time left."""
    lines = run(time, io.StringIO(), terminal=False).splitlines()

    assert lines == [
        "replay: 20%  500,000 records  50,000/s  40 s left",
        "replay: 40%  1,000,000 records  50,000/s  30 s left",
        "replay: 60%  1,500,000 records  50,000/s  20 s left",
        "replay: 80%  2,000,000 records  50,000/s  10 s left",
    ]


def test_records_count_where_their_number_is_known(time: Time) -> None:
    """Then the fraction is exact, and at the end nothing is left."""
    stream, feed = io.StringIO(), HalfRead()
    feed.n_records = 1_000
    with Meter(Console(file=stream, width=80), feed) as meter:
        for step in range(1, 5):
            time.now = step * INTERVAL
            meter.on_chunk(step * 250)

    assert stream.getvalue().splitlines() == [
        "replay: 25%  250 records",
        "replay: 50%  500 records  25/s  20 s left",
        "replay: 75%  750 records  25/s  10 s left",
        "replay: 100%  1,000 records  25/s",
    ]


def test_at_a_terminal_a_bar(time: Time) -> None:
    """It shows the same and is wiped away at the end."""
    shown = run(time, io.StringIO(), terminal=True)

    assert "2,000,000 records  50,000/s" in shown
    assert "80%" in shown
    assert shown.endswith("\x1b[2K")


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_is_quiet(time: Time, *, terminal: bool) -> None:
    """Not a character."""
    assert run(time, io.StringIO(), terminal=terminal, quiet=True) == ""


def test_a_short_run_says_nothing_elsewhere(time: Time) -> None:
    """A log file is not filled with what was over at once."""
    console = Console(file=io.StringIO(), force_terminal=False)
    with Meter(console, HalfRead()) as meter:
        time.now = INTERVAL - 1
        meter.on_chunk(1)

    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
