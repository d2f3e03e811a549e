"""Quantiles of hops: couriers in turn, ratios inside a round, no figures for a wrong answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency
from benchmarks.answers import AnswerError
from benchmarks.bench import Bench, Options
from benchmarks.courier import Ages, Courier, Route
from benchmarks.harness import MIN_PAIRS, MissingError
from benchmarks.latency import Quantiles
from benchmarks.report import Goal


def courier(name: str) -> Courier:
    """A courier that is never started."""
    return Courier(Route(name, Path("nowhere"), {}), install=False, versions={})


def test_samples_alternate_after_an_answer_check(capsys: pytest.CaptureFixture[str]) -> None:
    """One sample of each is the check; then they go there and back, and only these have figures."""
    asked: list[str] = []

    def take(one: Courier) -> Ages:
        asked.append(one.name)
        return np.arange(1, 101) + (1_000_000 if len(asked) <= 2 else 0)

    with Bench(Options()) as bench:
        found = latency.in_turn(bench, "?", [courier("a"), courier("b")], take)

    assert asked == ["a", "b"] + ["b", "a", "a", "b"] * 3 + ["b", "a"]
    assert found["a"].n_messages == 95
    assert found["a"].p50 == (53.0,) * MIN_PAIRS
    assert found["b"].p99 == pytest.approx((99.06,) * MIN_PAIRS)
    assert capsys.readouterr().out == ""


def test_a_wrong_answer_ends_one_courier_alone() -> None:
    """Who carries wrongly has no figures and is named; the others go on."""

    def take(one: Courier) -> Ages:
        if one.name == "a":
            message = "expected message 1, received 2"
            raise AnswerError(message)
        return np.arange(100)

    with Bench(Options()) as bench:
        found = latency.in_turn(bench, "How long?", [courier("a"), courier("b")], take)

    assert list(found) == ["b"]
    assert [(wrong.question, wrong.problem) for wrong in bench.report.wrong] == [
        ("How long? a", "expected message 1, received 2")
    ]


def test_who_cannot_take_part_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing courier is said to be missing, with the reason, and the others are started."""

    def prepare(self: Courier, n: int) -> None:
        if self.name == "absent":
            message = f"none for {n}"
            raise MissingError(message)

    monkeypatch.setattr(Courier, "prepare", prepare)
    with Bench(Options()) as bench:
        started = latency.ready(bench, [courier("absent"), courier("there")], 7)

    assert [one.name for one in started] == ["there"]
    assert [(gone.name, gone.reason) for gone in bench.report.missing] == [("absent", "none for 7")]


def test_ratios_are_formed_inside_a_round() -> None:
    """A round that is slow for both leaves the ratio as it is, at either quantile."""
    slow = (1.0, 10.0, 2.0)
    found = {
        "ours": Quantiles(tuple(3 * x for x in slow), tuple(8 * x for x in slow), 95),
        "C": Quantiles(tuple(2 * x for x in slow), tuple(4 * x for x in slow), 95),
    }
    goal = Goal(kind="at_most", ratio=1.5)
    p50 = latency.finding("?", found, ("ours", "C"), 50, goal)
    p99 = latency.finding("?", found, ("ours", "C"), 99, goal)

    assert p50.ratio is not None
    assert (p50.ratio.of, p50.ratio.spread.values, p50.ratio.is_met) == ("ours / C", (1.5,) * 3, True)
    assert p99.ratio is not None
    assert (p99.ratio.spread.values, p99.ratio.is_met) == ((2.0,) * 3, False)
    assert [row.ns_per_unit.median for row in p50.rows] == [6.0, 4.0]


def test_a_target_is_a_ratio_too() -> None:
    """An absolute target is met when the median is at or below it."""
    figures = Quantiles((90_000.0, 100_000.0, 130_000.0), (1.0,) * 3, 95)
    finding = latency.against("?", "ours", figures, 50, 100_000.0)

    assert finding.ratio is not None
    assert (finding.ratio.of, finding.ratio.spread.median, finding.ratio.is_met) == (
        "ours / 100 us",
        1.0,
        True,
    )
