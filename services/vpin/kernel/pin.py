"""The probability of informed trading, from daily counts of buys and sells.

On a day with news (probability ``alpha``; bad news with probability ``delta``) informed traders arrive at
rate ``mu`` beside uninformed buyers and sellers at rates ``epsilon_buy`` and ``epsilon_sell``; all counts
are Poisson. Then ``PIN = alpha mu / (alpha mu + epsilon_buy + epsilon_sell)``.

The likelihood of a day is factored by its largest term, in logarithms, so that no count is too large:
``log L = B log eb + S log es - eb - es - log B! - log S! + log((1 - a) + a (1 - d) e1 + a d e2)`` with
``log e1 = B log(1 + mu / eb) - mu`` for good news and ``log e2 = S log(1 + mu / es) - mu`` for bad.

Sources: Easley, Kiefer, O'Hara and Paperman, "Liquidity, Information, and Infrequently Traded Stocks",
Journal of Finance 51 (1996), with the two rates of Easley, Hvidkjaer and O'Hara (2002); factorization:
Easley, Hvidkjaer and O'Hara (2010), Lin and Ke, Journal of Financial Markets 14 (2011); starting points:
Yan and Zhang, "An Improved Estimation Method and Empirical Properties of the Probability of Informed
Trading", Journal of Banking and Finance 36 (2012).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from bus.records import Array
from shared.kernels.compile import kernel

GRID: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Values of alpha, delta and the uninformed share of buys at which the search starts."""

_SMALLEST: Final = 1e-6
"""Parameters stay this far inside their bounds; rates are in units of the mean daily count."""


class PinEstimate(NamedTuple):
    """Maximum-likelihood estimate of the model."""

    pin: float
    """Probability that a trade is informed, 0 to 1."""
    alpha: float
    """Probability of news on a day."""
    delta: float
    """Probability that news is bad."""
    mu: float
    """Informed trades on a day with news."""
    epsilon_buy: float
    """Uninformed buys a day."""
    epsilon_sell: float
    """Uninformed sells a day."""
    log_likelihood: float
    """Of all days, constants included."""
    n_sessions: int
    converged: bool
    """Whether the best of the searches met its tolerance."""
    at_boundary: bool
    """Whether alpha or delta ended at 0 or 1, where the estimate means little."""


@kernel
def log_likelihood(parameters: Array, buys: Array, sells: Array, gradient: Array) -> float:
    """Compute the log-likelihood of the counts, without ``-log B! - log S!``, and its gradient.

    Args:
        parameters: ``(5,)``: alpha, delta, mu, epsilon_buy, epsilon_sell; rates above 0.
        buys: ``(n_sessions,)`` trades that buyers initiated.
        sells: ``(n_sessions,)`` trades that sellers initiated.
        gradient: ``(5,)``; written.

    Returns:
        Sum over the days.

    >>> gradient = np.zeros(5)
    >>> parameters = np.array([0.5, 0.5, 10.0, 20.0, 20.0])
    >>> round(log_likelihood(parameters, np.array([20.0]), np.array([30.0]), gradient), 6)
    110.785079
    """
    alpha, delta, mu, epsilon_buy, epsilon_sell = parameters
    gradient[:] = 0.0
    total = 0.0
    for day in range(len(buys)):
        buy, sell = buys[day], sells[day]
        good = math.log(alpha * (1.0 - delta)) + buy * math.log1p(mu / epsilon_buy) - mu
        bad = math.log(alpha * delta) + sell * math.log1p(mu / epsilon_sell) - mu
        none = math.log1p(-alpha)
        largest = max(good, bad, none)
        scale = math.exp(good - largest) + math.exp(bad - largest) + math.exp(none - largest)
        total += buy * math.log(epsilon_buy) + sell * math.log(epsilon_sell) - epsilon_buy - epsilon_sell
        total += largest + math.log(scale)
        was_good = math.exp(good - largest) / scale
        was_bad = math.exp(bad - largest) / scale
        gradient[0] += (was_good + was_bad) / alpha - (1.0 - was_good - was_bad) / (1.0 - alpha)
        gradient[1] += was_bad / delta - was_good / (1.0 - delta)
        gradient[2] += was_good * (buy / (epsilon_buy + mu) - 1.0) + was_bad * (
            sell / (epsilon_sell + mu) - 1.0
        )
        gradient[3] += (
            buy / epsilon_buy - 1.0 + was_good * buy * (1.0 / (epsilon_buy + mu) - 1.0 / epsilon_buy)
        )
        gradient[4] += sell / epsilon_sell - 1.0
        gradient[4] += was_bad * sell * (1.0 / (epsilon_sell + mu) - 1.0 / epsilon_sell)
    return total


def starting_points(buys: Array, sells: Array) -> Iterator[Array]:
    """Yield the points of Yan and Zhang's grid whose rates, by the method of moments, are not negative.

    Args:
        buys: ``(n_sessions,)`` counts.
        sells: ``(n_sessions,)`` counts.
    """
    mean_buys, mean_sells = float(np.mean(buys)), float(np.mean(sells))
    for alpha in GRID:
        for delta in GRID:
            for share in GRID:
                epsilon_buy = share * mean_buys
                mu = (mean_buys - epsilon_buy) / (alpha * (1.0 - delta))
                epsilon_sell = mean_sells - alpha * delta * mu
                if epsilon_sell >= 0.0:
                    yield np.array([alpha, delta, mu, epsilon_buy, epsilon_sell])


def fit_pin(buys: Array, sells: Array) -> PinEstimate:
    """Estimate the probability of informed trading by maximum likelihood.

    The search runs from every point of the grid; of the results the likeliest that is not at a boundary
    counts, or the likeliest where all are.

    Args:
        buys: ``(n_sessions,)`` trades that buyers initiated, whole numbers from 0, each session one day.
        sells: ``(n_sessions,)`` trades that sellers initiated.

    Returns:
        The estimate; sixty sessions are usual.

    Raises:
        ValueError: Counts of different lengths, fewer than two sessions, negative or not finite counts, or no
            buys or no sells at all.

    >>> fit_pin(np.array([20, 55, 18, 22]), np.array([21, 20, 19, 61])).n_sessions
    4
    """
    buys, sells = np.asarray(buys, np.float64), np.asarray(sells, np.float64)
    _check_counts(buys, sells)
    scale = float(np.mean(buys + sells))
    units = np.array([1.0, 1.0, scale, scale, scale])
    bounds = [(_SMALLEST, 1.0 - _SMALLEST)] * 2 + [(_SMALLEST, None)] * 3
    gradient = np.zeros(5)

    def cost(point: Array) -> tuple[float, Array]:
        value = log_likelihood(point * units, buys, sells, gradient)
        return -value / len(buys), -gradient * units / len(buys)

    found = []
    for start in starting_points(buys, sells):
        point = np.clip(start / units, [low for low, _ in bounds], [high or math.inf for _, high in bounds])
        found.append(minimize(cost, point, jac=True, method="L-BFGS-B", bounds=bounds))
    best = max(found, key=lambda result: (not _at_boundary(result.x), -result.fun))
    alpha, delta, mu, epsilon_buy, epsilon_sell = map(float, best.x * units)
    constant = float(np.sum(gammaln(buys + 1.0) + gammaln(sells + 1.0)))
    return PinEstimate(
        pin=alpha * mu / (alpha * mu + epsilon_buy + epsilon_sell),
        alpha=alpha,
        delta=delta,
        mu=mu,
        epsilon_buy=epsilon_buy,
        epsilon_sell=epsilon_sell,
        log_likelihood=-float(best.fun) * len(buys) - constant,
        n_sessions=len(buys),
        converged=bool(best.success),
        at_boundary=_at_boundary(best.x),
    )


def _at_boundary(point: Array) -> bool:
    return bool(np.any((point[:2] <= 2.0 * _SMALLEST) | (point[:2] >= 1.0 - 2.0 * _SMALLEST)))


def _check_counts(buys: Array, sells: Array) -> None:
    if buys.ndim != 1 or buys.shape != sells.shape or len(buys) < 2:
        message = (
            f"`buys`, `sells`: expected two or more sessions each, got shapes {buys.shape}, {sells.shape}"
        )
        raise ValueError(message)
    for name, counts in (("buys", buys), ("sells", sells)):
        wrong = ~(np.isfinite(counts) & (counts >= 0.0))
        if wrong.any():
            index = int(wrong.argmax())
            message = f"`{name}[{index}]`: expected a count from 0, got {counts[index]}"
            raise ValueError(message)
        if not counts.any():
            message = f"`{name}`: expected at least one trade, got none in {len(counts)} sessions"
            raise ValueError(message)
