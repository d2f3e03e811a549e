"""Bulk classification: the distribution functions and the estimates of sigma."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import special

from services.vpin.kernel.batch import toxicity, trade_records
from services.vpin.kernel.bulk import normal_tilt, sample_deviation, student_t_tilt
from services.vpin.kernel.layout import Method, SigmaRule
from services.vpin.kernel.settings import Settings
from tests.services.vpin import reference

SECOND = 1_000_000_000
degrees = st.floats(0.01, 10_000)


def student_t(t: float, degrees_of_freedom: float) -> float:
    """The kernel's distribution function."""
    log_beta = special.betaln(0.5 * degrees_of_freedom, 0.5)
    return 0.5 + 0.5 * student_t_tilt(t, degrees_of_freedom, log_beta)


def test_student_t_at_printed_values() -> None:
    """The values that bulk classification is published with."""
    vector = reference.vector("student_t")
    for degrees_of_freedom, t, expected in vector["values"]:
        assert student_t(t, degrees_of_freedom) == pytest.approx(expected, abs=5e-10)


@given(t=st.floats(-1e9, 1e9), degrees_of_freedom=degrees)
@example(t=0.0, degrees_of_freedom=0.25)
@example(t=1e-160, degrees_of_freedom=0.25)
@example(t=5e-324, degrees_of_freedom=1.0)
def test_student_t_is_scipys(t: float, degrees_of_freedom: float) -> None:
    """Within 1e-11 of ``scipy.special.stdtr`` for every degrees of freedom that the settings allow.

    Past 5 000 degrees the two ways of computing it differ by up to 2e-12.
    """
    assert student_t(t, degrees_of_freedom) == pytest.approx(special.stdtr(degrees_of_freedom, t), abs=1e-11)


@given(t=st.floats(0, 1e6), u=st.floats(0, 1e6), degrees_of_freedom=degrees)
def test_student_t_is_odd_and_rises(t: float, u: float, degrees_of_freedom: float) -> None:
    """The tilt changes sign with its argument, lies in -1 to 1, and does not fall."""
    log_beta = special.betaln(0.5 * degrees_of_freedom, 0.5)
    low, high = (student_t_tilt(x, degrees_of_freedom, log_beta) for x in sorted((t, u)))

    assert student_t_tilt(-t, degrees_of_freedom, log_beta) == -student_t_tilt(
        t, degrees_of_freedom, log_beta
    )
    assert 0 <= low <= high + 1e-12 <= 1 + 1e-12


def test_the_ends_of_student_t() -> None:
    """Infinity is certain, and no number stays none."""
    assert student_t_tilt(math.inf, 0.25, special.betaln(0.125, 0.5)) == 1.0
    assert student_t_tilt(-math.inf, 0.25, special.betaln(0.125, 0.5)) == -1.0
    assert math.isnan(student_t_tilt(math.nan, 0.25, special.betaln(0.125, 0.5)))


@given(st.floats(-40, 40))
def test_the_normal_is_scipys(z: float) -> None:
    """Within 1e-15 of ``scipy.special.ndtr``."""
    assert 0.5 + 0.5 * normal_tilt(z) == pytest.approx(special.ndtr(z), abs=1e-15)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_the_sample_deviation_is_numpys(values: list[float]) -> None:
    """Two passes give what numpy gives, and equal values exactly nothing."""
    array = np.array(values)

    assert sample_deviation(array, len(array)) == pytest.approx(np.std(array, ddof=1), rel=1e-12, abs=1e-12)
    assert sample_deviation(np.full(7, values[0]), 7) == 0.0


def sigmas(prices: list[int], rule: SigmaRule, **others: float) -> list[float]:
    """Sigma after each one-trade bar, of a bucket a bar; NaN where it is not known."""
    trades = trade_records(60 * SECOND * np.arange(len(prices)), SECOND * np.array(prices), [1] * len(prices))
    settings = Settings(Method.BULK_NORMAL, n_buckets=1, sigma_rule=rule, **others)  # type: ignore[arg-type]
    buckets = toxicity(trades, 1, settings, ts_end=60 * SECOND * len(prices))
    return [float(sigma) for sigma in buckets["sigma"]]


def test_the_rules_for_sigma_are_those_of_pandas() -> None:
    """Sample deviations, and for ewma the root of a weighted mean square; the bar itself is included."""
    prices = [100, 101, 101, 103, 102, 106]
    changes = np.diff(prices).astype(float)
    weights = [0.5 ** (np.arange(n)[::-1] / 2) for n in range(2, 6)]
    ewma = [math.sqrt(np.average(changes[: len(w)] ** 2, weights=w)) for w in weights]

    # Bars without a sigma whose price changed complete no bucket: the second here, under ewma and expanding.
    assert sigmas(prices, SigmaRule.EXPANDING)[1:] == pytest.approx(
        [np.std(changes[:n], ddof=1) for n in range(2, 6)]
    )
    assert sigmas(prices, SigmaRule.EWMA, sigma_half_life=2.0)[1:] == pytest.approx(ewma)
    rolling = [np.std(changes[n - 3 : n], ddof=1) for n in range(3, 6)]
    assert sigmas(prices, SigmaRule.ROLLING, sigma_window=3)[2:] == pytest.approx(rolling)
    assert sigmas(prices, SigmaRule.FIXED, sigma=0.5) == [0.5] * 6


def test_volume_without_sigma_is_left_out_and_told() -> None:
    """The first price change has no deviation yet: its bar joins no bucket and is told with the next one."""
    trades = trade_records(60 * SECOND * np.arange(3), SECOND * np.array([100, 101, 101]), [5, 7, 5])
    buckets = toxicity(trades, 5, Settings(Method.BULK_NORMAL, n_buckets=1), ts_end=180 * SECOND)

    assert buckets["unclassified"].tolist() == [0, 7]
    assert buckets["imbalance"].tolist() == [0.0, 0.0]
