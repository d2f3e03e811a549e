"""The harness: answers first, samples in turn, medians of ratios."""

from __future__ import annotations

import gc
import math
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.answers import AnswerError, equal_within
from benchmarks.harness import Call, Entrant, MissingError, compare, series
from benchmarks.report import Finding, Goal
from tests.benchmarks.scripted import Absent, Scripted

PAIRS = 7


def ours_and_other(
    ours: Sequence[int], other: Sequence[int], goal: Goal | None = None, log: list[str] | None = None
) -> Finding:
    """Compare two contenders with these costs, two units a call."""
    return compare(
        "how fast?",
        Scripted("ours", ours, log=log),
        Scripted("other", other, log=log),
        units=2,
        unit="step",
        check=equal_within(0.0),
        answer="equal",
        pairs=len(ours),
        goal=goal,
    )


def test_costs_are_per_unit_with_median_and_extremes() -> None:
    """A row gives the median, lowest and highest cost of one unit over all samples."""
    ours, _ = ours_and_other([10, 20, 30, 40, 50, 60, 1000], [1] * PAIRS).rows

    assert (ours.ns_per_unit.median, ours.ns_per_unit.lowest, ours.ns_per_unit.highest) == (20.0, 5.0, 500.0)
    assert (ours.units, ours.calls) == (2, 1)


def test_ratio_is_the_median_of_pairs_not_of_medians() -> None:
    """The ratio is formed inside each pair; a spell that slows a whole pair down leaves it as it is."""
    slow = [1, 1, 1, 50, 50, 50, 50]
    ratio = ours_and_other([10 * x for x in slow], [30 * x for x in slow]).ratio

    assert ratio is not None
    assert (
        ratio.of,
        ratio.spread.median,
        ratio.spread.lowest,
        ratio.spread.highest,
    ) == ("other / ours", 3.0, 3.0, 3.0)
    assert (ratio.goal, ratio.is_met) == (None, None)


@pytest.mark.parametrize(
    ("goal", "of", "median", "met"),
    [
        (Goal(kind="at_least", ratio=5.0), "other / ours", 5.0, True),
        (Goal(kind="at_least", ratio=5.1), "other / ours", 5.0, False),
        (Goal(kind="at_most", ratio=0.2), "ours / other", 0.2, True),
        (Goal(kind="at_most", ratio=0.1), "ours / other", 0.2, False),
    ],
)
def test_goals_are_held_against_the_median_ratio(goal: Goal, of: str, median: float, *, met: bool) -> None:
    """At least asks how many times faster, at most how much of the other's cost."""
    ratio = ours_and_other([10] * PAIRS, [50] * PAIRS, goal).ratio

    assert ratio is not None
    assert (of, median, met) == (ratio.of, ratio.spread.median, ratio.is_met)


def test_answers_come_before_any_run_and_samples_alternate() -> None:
    """Both are prepared and checked first; then the samples go A B B A A B B A and so on."""
    log: list[str] = []
    ours_and_other([1] * PAIRS, [1] * PAIRS, log=log)

    assert log[:4] == ["prepare ours", "prepare other", "answer ours", "answer other"]
    runs = [entry.removeprefix("run ") for entry in log[4:]]
    assert runs[:2] == ["ours", "other"]
    assert runs[2:] == ["ours", "other", "other", "ours"] * 3 + ["ours", "other"]


def test_wrong_answer_gives_no_rate() -> None:
    """A contender that computes something else is refused by value and index, before it is run."""
    log: list[str] = []
    ours, other = Scripted("ours", [1], (1.0, 2.0), log), Scripted("other", [1], (1.0, 2.1), log)

    with pytest.raises(AnswerError, match=r"`value\[1\]`: expected .*2\.0.* within 0\.01, found .*2\.1"):
        compare("?", ours, other, units=1, unit="step", check=equal_within(0.01), answer="equal", pairs=PAIRS)

    assert [entry for entry in log if entry.startswith("run")] == []


def test_fewer_than_seven_pairs_are_refused() -> None:
    """A rate needs at least seven pairs."""
    with pytest.raises(ValueError, match="expected at least 7, got 6"):
        ours_and_other([1] * 6, [1] * 6)


def test_quick_takes_one_short_pair() -> None:
    """A self-check runs each contender once, however few pairs are asked for."""
    log: list[str] = []
    finding = compare(
        "?",
        Scripted("ours", [], log=log),
        Scripted("other", [], log=log),
        units=1,
        unit="step",
        check=equal_within(0.0),
        answer="equal",
        pairs=1,
        quick=True,
    )

    assert log[4:] == ["run ours", "run other"]
    assert [len(row.ns_per_unit.values) for row in finding.rows] == [1, 1]


def test_contender_that_cannot_take_part_says_why() -> None:
    """Nothing is measured against a contender that is not there."""
    with pytest.raises(MissingError, match="nobody made it"):
        compare(
            "?",
            Scripted("ours", [1]),
            Absent("other", [1]),
            units=1,
            unit="step",
            check=equal_within(0.0),
            answer="equal",
        )


def test_series_sets_the_dearest_point_against_the_first() -> None:
    """Growth is the ratio of the point with the highest median to the base, pair by pair."""
    points = [
        Entrant(Scripted("1", [100] * PAIRS), 10),
        Entrant(Scripted("100", [3000] * PAIRS), 100),
        Entrant(Scripted("1000", [20_000] * PAIRS), 1000),
    ]
    finding = series(
        "?",
        points,
        unit="step",
        check=equal_within(0.0),
        answer="equal",
        goal=Goal(kind="at_most", ratio=2.5),
    )

    assert [row.ns_per_unit.median for row in finding.rows] == [10.0, 30.0, 20.0]
    assert finding.ratio is not None
    assert (
        finding.ratio.of,
        finding.ratio.spread.median,
        finding.ratio.is_met,
    ) == ("100 / 1", 3.0, False)


def test_series_refuses_a_point_with_another_answer() -> None:
    """Every point has to give the answer of the first."""
    points = [Entrant(Scripted("1", [1]), 1), Entrant(Scripted("2", [1], (2.0,)), 1)]

    with pytest.raises(AnswerError, match=r"expected .*1\.0.* found .*2\.0"):
        series("?", points, unit="step", check=equal_within(1e-9), answer="equal")


def test_gaps_must_stand_in_the_same_places() -> None:
    """NaN equals NaN and nothing else; the largest difference of the rest is told."""
    check = equal_within(0.5)
    gap = {"value": np.array([math.nan, 1.0])}

    assert check(gap, {"value": np.array([math.nan, 1.25])}) == 0.25
    with pytest.raises(AnswerError, match=r"1 of 2 differ"):
        check(gap, {"value": np.array([0.0, 1.0])})
    with pytest.raises(AnswerError, match=r"1 of 2 differ"):
        check({"value": np.array([0.0, 1.0])}, gap)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"value": np.zeros(3)}, "expected the shape"),
        ({"worth": np.zeros(2)}, "expected the arrays"),
        ({}, "expected the arrays"),
    ],
)
def test_answers_of_another_shape_are_refused(other: dict[str, np.ndarray], problem: str) -> None:
    """Another length or other names is another answer."""
    with pytest.raises(AnswerError, match=problem):
        equal_within(1.0)({"value": np.zeros(2)}, other)


def test_a_call_gets_a_new_argument_each_time() -> None:
    """What a call changes does not reach the next one; making the argument is not part of the call."""
    seen: list[int] = []

    def work(argument: list[int]) -> int:
        argument.append(1)
        seen.append(len(argument))
        return len(argument)

    call = Call("append", list, work, lambda argument, result: {"n": np.array([len(argument), result])})
    elapsed = call.run(3)

    assert seen == [1, 1, 1]
    assert elapsed > 0
    assert call.answer()["n"].tolist() == [1, 1]


def test_the_collector_is_on_again_after_a_failure() -> None:
    """Measuring stops garbage collection only while it lasts, whatever happens."""

    class Fails(Scripted):
        def run(self, calls: int) -> int:
            message = f"no {calls}"
            raise OSError(message)

    with pytest.raises(OSError, match="no 1"):
        compare(
            "?",
            Fails("ours", [1]),
            Scripted("other", [1]),
            units=1,
            unit="step",
            check=equal_within(0.0),
            answer="equal",
            quick=True,
        )

    assert gc.isenabled()
