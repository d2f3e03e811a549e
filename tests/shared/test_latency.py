"""The latency recorder."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.latency import (
    LARGEST,
    RELATIVE_ERROR,
    SMALLEST,
    Measure,
    Recorder,
    bucket_edges,
    stopwatch,
)
from shared.spec import Rungs

RUNGS = Rungs(baseline=1920, kernel=192, accelerated=19.2, algorithm=1.92, ultimate=0.048)


def test_edges_stand_on_the_rungs() -> None:
    """Every rung is an edge, edges ascend, and neighbours are at most a quarter octave apart."""
    edges = bucket_edges(RUNGS)

    assert {1_920_000.0, 192_000.0, 19_200.0, 1_920.0, 48.0} <= {*edges}
    assert (edges[0], edges[-1]) == (SMALLEST, LARGEST)
    assert all(1 < high / low <= (1 + RELATIVE_ERROR) * (1 + 1e-12) for low, high in pairwise(edges))


def test_nothing_observed_says_nothing() -> None:
    """Without observations every figure is None, not zero."""
    recorder = Recorder(RUNGS)

    assert recorder.quantile(Measure.UNIT_COST, 0.5) is None
    assert recorder.rung_reached(Measure.UNIT_COST) is None
    measure = recorder.snapshot().measures[0]
    assert (measure.p50_seconds, measure.p99_seconds, measure.max_seconds, measure.mean_batch_size) == (
        None,
    ) * 4


@pytest.mark.parametrize(
    ("nanoseconds", "rung"),
    [
        (1, "ultimate"),
        (48, "ultimate"),
        (49, "algorithm"),
        (1_920, "algorithm"),
        (1_921, "accelerated"),
        (192_001, "baseline"),
        (1_920_000, "baseline"),
        (1_920_001, None),
        (10**12, None),
    ],
)
def test_a_rung_is_reached_at_its_target_and_not_above(nanoseconds: int, rung: str | None) -> None:
    """The comparison of the median with a rung is exact to the nanosecond."""
    recorder = Recorder(RUNGS)
    recorder.observe(Measure.REACTION_TIME, nanoseconds)

    assert recorder.rung_reached(Measure.REACTION_TIME) == rung


def test_half_of_the_units_decide_the_rung() -> None:
    """The median is that of units, so one large batch outweighs many small ones."""
    recorder = Recorder(RUNGS)
    for _ in range(99):
        recorder.observe_batch(1_000_000, 1)
    recorder.observe_batch(10_000, 100)

    assert recorder.rung_reached(Measure.REACTION_TIME) == "baseline"
    assert recorder.rung_reached(Measure.UNIT_COST) == "algorithm"


def test_a_batch_shows_its_size() -> None:
    """Unit cost is time over units, weighted by units, with the batch size beside it."""
    recorder = Recorder(RUNGS)
    recorder.observe_batch(4_000, 4)
    recorder.observe_batch(16_000, 2)

    by_name = {measure.measure: measure for measure in recorder.snapshot().measures}
    cost, reaction = by_name[Measure.UNIT_COST], by_name[Measure.REACTION_TIME]
    assert (cost.n_observations, cost.n_units, cost.mean_batch_size, cost.largest_batch_size) == (
        2,
        6,
        3.0,
        4,
    )
    assert (cost.max_seconds, cost.total_seconds) == (8e-6, 2e-5)
    assert (reaction.n_units, reaction.max_seconds, reaction.total_seconds) == (2, 1.6e-5, 2e-5)
    assert sum(cost.counts) == 6
    assert by_name[Measure.HTTP_LATENCY].n_observations == 0


@given(
    st.lists(st.integers(int(SMALLEST) + 1, int(LARGEST)), min_size=1, max_size=200),
    st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 1.0]),
)
def test_quantiles_keep_their_error(observed: list[int], q: float) -> None:
    """A quantile is within the stated relative error of the exact one."""
    recorder = Recorder(RUNGS)
    for nanoseconds in observed:
        recorder.observe(Measure.HTTP_LATENCY, nanoseconds)

    found = recorder.quantile(Measure.HTTP_LATENCY, q)
    exact = float(np.quantile(observed, q, method="inverted_cdf"))
    assert found is not None
    assert abs(found - exact) <= exact * RELATIVE_ERROR * (1 + 1e-9)
    assert found <= max(observed)


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=100))
def test_the_rung_is_that_of_the_exact_median(observed: list[int]) -> None:
    """Interpolation inside a bucket never moves a median over a rung."""
    recorder = Recorder(RUNGS)
    for nanoseconds in observed:
        recorder.observe(Measure.REACTION_TIME, nanoseconds)

    median = sorted(observed)[(len(observed) - 1) // 2]
    targets = {"ultimate": 48, "algorithm": 1920, "accelerated": 19200, "kernel": 192000, "baseline": 1920000}
    expected = next((name for name, target in targets.items() if median <= target), None)
    assert recorder.rung_reached(Measure.REACTION_TIME) == expected


def test_a_quantile_of_what_took_too_long_is_bounded_by_the_longest() -> None:
    """Above the last edge the longest observation is the upper end."""
    recorder = Recorder(RUNGS)
    recorder.observe(Measure.HTTP_LATENCY, 200 * 10**9)

    assert recorder.quantile(Measure.HTTP_LATENCY, 1.0) == 200e9


def test_memory_does_not_grow() -> None:
    """The buckets are as many after many observations as before the first."""
    recorder = Recorder(RUNGS)
    before = len(recorder.snapshot().measures[0].counts)
    for nanoseconds in range(1, 5_000):
        recorder.observe_batch(nanoseconds, 3)

    assert {len(measure.counts) for measure in recorder.snapshot().measures} == {before}
    assert before == len(bucket_edges(RUNGS)) + 1


def test_the_stopwatch_runs_forward() -> None:
    """Two readings in order never differ by less than nothing."""
    first = stopwatch()

    assert stopwatch() >= first
