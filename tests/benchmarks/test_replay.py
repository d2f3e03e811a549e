"""The question about replays: its stopwatch takes nested calls apart, its answer is the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks import replay
from benchmarks.replay import Watch


def test_each_call_is_charged_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time inside an inner watched call is the inner one's alone; together they are the whole."""
    ticks: Iterator[int] = iter([0, 10, 13, 20, 27, 40, 50, 90])
    monkeypatch.setattr(replay, "perf_counter_ns", lambda: next(ticks))
    watch = Watch()
    inner = watch.over("inner", lambda: None)
    outer = watch.over("outer", lambda: (inner(), inner()))

    outer()
    assert dict(watch.own) == {"inner": 3 + 7, "outer": 40 - 10}
    inner()
    assert watch.own["inner"] == 3 + 7 + 40


def test_a_watched_call_passes_everything_on() -> None:
    """Arguments and the result go through as they are."""
    double: Callable[[int], int] = Watch().over("double", lambda number: 2 * number)

    assert double(21) == 42
