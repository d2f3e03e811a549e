"""The flow's calibration: what all instruments have in common, tuned so that the facts come out as measured.

Numbers are per second, ticks, shares or expected children as said beside each. They were found by trial
against `services.marketdata.simulator.bands`, with seeds 1 to 7; they are no estimate from any file.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.records import Array
from services.marketdata.kernel.simulator.layout import TERMS

CALIBRATION: Final = {
    # memories of the Hawkes processes, per second
    "fast_decay": 40.0,
    "slow_decay": 0.04,
    # expected children of a market order: market orders, limit orders, cancellations
    "fast_mm": 0.51,
    "slow_mm": 0.28,
    "fast_ml": 1.0,
    "slow_ml": 0.3,
    "fast_mc": 0.6,
    "slow_mc": 0.2,
    # of a limit order, and of a cancellation
    "fast_ll": 0.3,
    "slow_ll": 0.1,
    "fast_lc": 0.1,
    "fast_cl": 0.1,
    "fast_cc": 0.3,
    "slow_cc": 0.05,
    # limit orders and cancellations for each market order, on average
    "limits": 3.0,
    "cancels": 2.4,
    # log activity: what is left of each of its processes after a second, and how much each weighs
    "fast_memory": float(np.exp(-1 / 90)),
    "slow_memory": float(np.exp(-1 / 1_500)),
    "activity_fast": 0.65,
    "activity_slow": 0.58,
    "activity_market": 0.07,
    # order splitting: share of market orders that are pieces of parents, tail and cap of their lengths
    "parent_chance": 0.25,
    "parent_tail": 1.5,
    "longest_parent": 1_000.0,
    # how sides lean on the distance of efficient price and mid, per tick, and by how much at the most
    "market_tilt": 0.08,
    "limit_tilt": 0.3,
    "cancel_tilt": 0.1,
    "most_tilt": 0.45,
    # ticks by which a market order of 100 shares moves the efficient price
    "impact": 0.06,
    # limit orders: chance to step into an open spread; chance of each tick behind the best, geometric
    "inside_chance": 0.99,
    "near_chance": 0.6,
    # a cancellation takes a uniform number to this power of a level; lots of an uncovered level
    "cancel_power": 4.0,
    "queue_mean": 26.0,
    # sizes: share of round and odd lots, then lognormal, then Pareto; shares
    "order_round_chance": 0.65,
    "order_more": 0.44,
    "resting_round_chance": 0.6,
    "resting_more": 0.85,
    "odd_chance": 0.1,
    "log_mean": 5.2,
    "log_sigma": 1.0,
    "tail_chance": 0.055,
    "tail_from": 500.0,
    "tail": 1.5,
    "largest": 20_000.0,
    "resting_largest": 1_500.0,
    # share of market orders that are reported in one piece at each price
    "whole_chance": 0.09,
    # volatility of a night in that of a session; efficient price never falls below, ticks
    "overnight": 0.5,
    "smallest_price": 200.0,
}
"""Value of each field of `TERMS`."""

PRINTS_PER_ORDER: Final = 1.55
"""Trades that an average market order gives, measured."""

HALF_HOURS: Final = (16.4, 9.8, 8.8, 7.3, 6.7, 5.2, 4.6, 4.7, 4.4, 5.5, 4.5, 7.2, 14.8)
"""Volume of each half hour of the day, %: IBM, 7 to 11 October 2013."""


def terms() -> Array:
    """The calibration as the kernels take it, `TERMS`, ``(1,)``."""
    record = np.zeros(1, TERMS)
    for name in TERMS.names or ():
        record[name] = CALIBRATION[name]
    return record


def day_shape(n_seconds: int) -> NDArray[np.float64]:
    """Activity of each second of a session of mean 1: the half hours, joined by straight lines.

    >>> shape = day_shape(23_400)
    >>> round(float(shape.mean()), 9), bool(shape[0] > 3 * shape[11_700])
    (1.0, True)
    """
    halves = np.array(HALF_HOURS)
    ends = halves[[0, -1]] + (halves[[0, -1]] - halves[[1, -2]]) / 2
    knots = np.concatenate([[0.0], (np.arange(len(halves)) + 0.5) / len(halves), [1.0]])
    levels = np.concatenate([ends[:1], halves, ends[1:]])
    shape: NDArray[np.float64] = np.interp((np.arange(n_seconds) + 0.5) / n_seconds, knots, levels)
    shape /= shape.mean()
    return shape


def baselines(market_rate: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Baselines that give mean rates, :math:`\mu = (I - N) \bar\lambda`.

    Args:
        market_rate: Market orders a second of an average session, ``(n_instruments,)``.

    Returns:
        Baselines of market orders, limit orders and cancellations a second, ``(3, n_instruments)``.
    """
    rates = np.array([np.ones_like(market_rate), np.full_like(market_rate, CALIBRATION["limits"])])
    rates = np.vstack([rates, np.full((1, len(market_rate)), CALIBRATION["cancels"])]) * market_rate
    found: NDArray[np.float64] = rates - children() @ rates
    return found


def children() -> NDArray[np.float64]:
    """Expected children by sort of child (row) and of parent (column): market, limit, cancel, ``(3, 3)``."""
    c = CALIBRATION
    return np.array(
        [
            [c["fast_mm"] + c["slow_mm"], 0.0, 0.0],
            [c["fast_ml"] + c["slow_ml"], c["fast_ll"] + c["slow_ll"], c["fast_cl"]],
            [c["fast_mc"] + c["slow_mc"], c["fast_lc"], c["fast_cc"] + c["slow_cc"]],
        ]
    )


def branching_ratio() -> float:
    """Spectral radius of `children`: below 1, so that the flow is stationary.

    >>> 0.6 <= branching_ratio() <= 0.9
    True
    """
    return float(np.abs(np.linalg.eigvals(children())).max())
