"""The probability of informed trading."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from bus.records import Array
from services.vpin.kernel.pin import fit_pin, log_likelihood, starting_points

TRUE = {"alpha": 0.4, "delta": 0.3, "mu": 200.0, "epsilon_buy": 300.0, "epsilon_sell": 320.0}


def simulated(
    n_sessions: int, seed: int, alpha: float, delta: float, mu: float, epsilon_buy: float, epsilon_sell: float
) -> tuple[Array, Array]:
    """Counts of the model's own days."""
    generator = np.random.default_rng(seed)
    news, bad = generator.random(n_sessions) < alpha, generator.random(n_sessions) < delta
    buys = generator.poisson(epsilon_buy + mu * (news & ~bad))
    return buys, generator.poisson(epsilon_sell + mu * (news & bad))


def test_the_parameters_of_simulated_days_are_found() -> None:
    """A year of the model's days gives its parameters back, within four standard errors."""
    estimate = fit_pin(*simulated(250, 20131008, **TRUE))

    assert estimate.converged
    assert not estimate.at_boundary
    assert estimate.alpha == pytest.approx(0.4, abs=0.13)
    assert estimate.delta == pytest.approx(0.3, abs=0.19)
    assert estimate.mu == pytest.approx(200, rel=0.04)
    assert estimate.epsilon_buy == pytest.approx(300, rel=0.02)
    assert estimate.epsilon_sell == pytest.approx(320, rel=0.02)
    assert estimate.pin == pytest.approx(80 / 700, abs=0.03)


def test_large_counts_do_not_overflow() -> None:
    """Millions of trades a day are as good as hundreds."""
    estimate = fit_pin(*simulated(20, 3, 0.5, 0.4, 3e6, 2e6, 2.5e6))

    assert estimate.converged
    assert estimate.mu == pytest.approx(3e6, rel=0.01)
    assert estimate.epsilon_buy == pytest.approx(2e6, rel=0.01)


def test_the_likelihood_is_the_mixture_of_poissons() -> None:
    """The factored form gives what the three-way mixture gives, where that does not underflow."""
    buys, sells = simulated(30, 1, 0.4, 0.3, 20.0, 30.0, 32.0)
    estimate = fit_pin(buys, sells)
    poisson = stats.poisson.pmf
    a, d, mu, eb, es = estimate[1:6]
    good = a * (1 - d) * poisson(buys, eb + mu) * poisson(sells, es)
    bad = a * d * poisson(buys, eb) * poisson(sells, es + mu)
    none = (1 - a) * poisson(buys, eb) * poisson(sells, es)

    assert estimate.log_likelihood == pytest.approx(np.log(good + bad + none).sum(), rel=1e-12)


def test_the_gradient_is_the_likelihoods() -> None:
    """Analytic slopes are those of finite differences."""
    buys, sells = (counts.astype(float) for counts in simulated(30, 2, 0.4, 0.3, 20.0, 30.0, 32.0))
    point, gradient, other = np.array([0.35, 0.45, 18.0, 29.0, 33.0]), np.zeros(5), np.zeros(5)
    log_likelihood(point, buys, sells, gradient)

    expected = optimize.approx_fprime(point, lambda x: log_likelihood(x, buys, sells, other), 1e-7)
    assert gradient == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_search_starts_where_rates_are_not_negative() -> None:
    """The grid keeps its admissible points, and matches the mean of the buys."""
    buys, sells = simulated(60, 4, **TRUE)
    points = list(starting_points(buys, sells))

    assert 0 < len(points) <= 125
    for alpha, delta, mu, epsilon_buy, epsilon_sell in points:
        assert min(mu, epsilon_buy, epsilon_sell) >= 0
        assert alpha * (1 - delta) * mu + epsilon_buy == pytest.approx(buys.mean())


@pytest.mark.parametrize(
    ("buys", "sells", "problem"),
    [
        ([1, 2], [1], "expected two or more sessions each"),
        ([1], [1], "expected two or more sessions each"),
        ([1, -2], [1, 2], r"`buys\[1\]`: expected a count from 0, got -2.0"),
        ([1, 2], [1, np.nan], r"`sells\[1\]`: expected a count from 0, got nan"),
        ([0, 0], [1, 2], "`buys`: expected at least one trade"),
    ],
)
def test_wrong_counts_are_named(buys: list[float], sells: list[float], problem: str) -> None:
    """What is no count of a day is refused, with its place."""
    with pytest.raises(ValueError, match=problem):
        fit_pin(np.array(buys), np.array(sells))
