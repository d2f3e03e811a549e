"""Hawkes processes: likelihood, residuals and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from services.marketdata.kernel.simulator.hawkes import log_likelihood, residuals, thinned

TIMES = np.array([0.5, 0.9, 1.4, 3.0, 3.1])
MU, ALPHA, BETA, END = 0.8, 0.6, 1.5, 5.0


def intensity(time: float, times: list[float], alphas: list[float], betas: list[float]) -> float:
    """The definition, summed over all events before."""
    kernels = list(zip(alphas, betas, strict=True))
    return MU + sum(a * math.exp(-b * (time - t)) for t in times if t < time for a, b in kernels)


def test_the_reference_likelihood() -> None:
    """Vector V9: -5.618147575 for five events on [0, 5]."""
    found = log_likelihood(TIMES, END, MU, np.array([ALPHA]), np.array([BETA]))

    assert found == pytest.approx(-5.618147575, abs=5e-10)


def test_the_likelihood_of_two_memories_is_the_definition() -> None:
    """Sum of logarithms at the events minus the integral, taken with a fine grid."""
    alphas, betas = [0.6, 0.1], [1.5, 0.3]
    times = TIMES.tolist()
    grid = (np.arange(200_000) + 0.5) / 200_000 * END
    inside = np.mean([intensity(time, times, alphas, betas) for time in grid[::20]]) * END
    expected = sum(math.log(intensity(time, times, alphas, betas)) for time in times) - inside

    found = log_likelihood(TIMES, END, MU, np.array(alphas), np.array(betas))

    assert found == pytest.approx(expected, abs=2e-3)


def test_without_events_the_likelihood_is_that_of_silence() -> None:
    """Minus the expected number of events."""
    assert log_likelihood(np.zeros(0), END, MU, np.array([ALPHA]), np.array([BETA])) == -MU * END


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_residuals_of_a_simulated_process_are_exponential(seed: int) -> None:
    """Time rescaling gives Exp(1), by Kolmogorov and Smirnov with p above .01; independent, too."""
    times = thinned(seed, 20_000, MU, ALPHA, BETA)

    found = residuals(times, MU, np.array([ALPHA]), np.array([BETA]))

    assert stats.kstest(found, "expon").pvalue > 0.01
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.03


def test_residuals_of_another_process_are_not() -> None:
    """The test has the power to see a wrong decay."""
    times = thinned(1, 20_000, MU, ALPHA, BETA)

    found = residuals(times, MU, np.array([ALPHA]), np.array([2 * BETA]))

    assert stats.kstest(found, "expon").pvalue < 1e-6


def test_the_mean_rate_is_the_baseline_over_one_minus_the_branching_ratio() -> None:
    """0.8 / (1 - 0.4) = 1.3333 events a second."""
    times = thinned(7, 400_000, MU, ALPHA, BETA)

    assert len(times) / times[-1] == pytest.approx(MU / (1 - ALPHA / BETA), rel=0.01)
