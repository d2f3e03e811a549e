"""Figures of liquidity and volatility of a window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.vpin.kernel.liquidity import amihud_illiquidity, kyle_lambda, realized_volatility, roll_spread
from services.vpin.kernel.window import empirical_cdf, vpin
from tests.services.vpin import reference

numbers = st.lists(st.floats(-100, 100), min_size=3, max_size=40)


def roll(prices: list[float]) -> float:
    """Roll's spread of trade prices."""
    changes = np.diff(prices)
    before, after = changes[:-1], changes[1:]
    return roll_spread(float(len(before)), before.sum(), after.sum(), float(before @ after))


def test_published_values() -> None:
    """Roll, Kyle and Amihud of the printed vectors."""
    vector = reference.vector("liquidity")

    assert roll(vector["prices"]) == pytest.approx(vector["roll_spread"], rel=1e-9)
    found = kyle_lambda(np.array(vector["price_changes"]), np.array(vector["signed_volumes"]))
    assert found == pytest.approx(vector["kyle_lambda"], rel=1e-6)
    found = amihud_illiquidity(np.array(vector["returns"]), np.array(vector["notionals"]))
    assert found == pytest.approx(vector["amihud_illiquidity"], rel=1e-12)


@given(numbers, st.integers(0, 2**32))
def test_kyle_is_the_slope_of_a_fit(volumes: list[float], seed: int) -> None:
    """Its residuals are orthogonal to the volumes and sum to nothing."""
    q = np.round(np.array(volumes), 2)
    dp = np.random.default_rng(seed).normal(size=len(q))
    slope = kyle_lambda(dp, q)

    if np.ptp(q) == 0:
        assert math.isnan(slope)
    else:
        centered = q - q.mean()
        residual = dp - dp.mean() - slope * centered
        assert abs(residual @ centered) <= 1e-9 * (1 + abs(dp) @ abs(centered))


@pytest.mark.parametrize("value", [0.1, 0.3, -7.7])
def test_equal_volumes_have_no_slope(value: float) -> None:
    """Three equal numbers have no variation, though their sum is rounded."""
    assert math.isnan(kyle_lambda(np.array([1.0, 2.0, 4.0]), np.full(3, value)))


def test_roll_needs_a_bounce() -> None:
    """A trend, no change at all, and too few prices imply no spread."""
    assert math.isnan(roll([1.0, 1.1, 1.2, 1.3, 1.4]))
    assert math.isnan(roll([1.0, 1.0, 1.0, 1.0]))
    assert math.isnan(roll_spread(0.0, 0.0, 0.0, 0.0))


def test_figures_without_a_value() -> None:
    """A return or a notional that is none makes the figure none."""
    assert math.isnan(amihud_illiquidity(np.array([0.1, np.nan]), np.array([1.0, 1.0])))
    assert math.isnan(amihud_illiquidity(np.array([0.1]), np.array([0.0])))
    assert math.isnan(realized_volatility(np.array([np.nan, 0.1])))


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(-100, 100)), min_size=1, max_size=30))
def test_vpin_is_a_ratio(buckets: list[tuple[int, int]]) -> None:
    """It lies in 0 to 1, and is 1 where every bucket is one-sided."""
    volumes = np.array([volume for volume, _ in buckets], float)
    imbalances = np.array([min(max(i, -v), v) for v, i in buckets], float)

    assert 0 <= vpin(imbalances, volumes) <= 1
    assert vpin(volumes * np.resize([1.0, -1.0], len(volumes)), volumes) == 1.0


@given(numbers)
def test_the_rank_of_the_largest_is_one(values: list[float]) -> None:
    """The distribution function reaches 1 at the largest value, and counts ties."""
    array = np.array(values)

    assert empirical_cdf(array, array.max()) == 1.0
    assert empirical_cdf(array, array.min()) == (array == array.min()).mean()
