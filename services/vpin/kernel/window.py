"""The figures of the window that ends with a completed bucket.

``VPIN = sum |imbalance_k| / sum V_k`` over the last ``n_buckets`` buckets: with equal buckets the
definition of Easley, Lopez de Prado and O'Hara (2012), and still a ratio from 0 to 1 where the bucket
volume was re-based.

Every figure is summed anew from the ring at each close, oldest bucket first, so no error builds up.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from bus.records import Array
from services.vpin.kernel.layout import Memory
from services.vpin.kernel.liquidity import amihud_illiquidity, kyle_lambda, realized_volatility, roll_spread
from shared.kernels.compile import kernel

IMBALANCE: Final = 0
VOLUME: Final = 1
PRICE_CHANGE: Final = 2
SIMPLE_RETURN: Final = 3
LOG_RETURN: Final = 4
NOTIONAL: Final = 5
"""Rows of a window, one number for each bucket."""

N_TRADES: Final = 0
N_PAIRS: Final = 1
BEFORE: Final = 2
AFTER: Final = 3
PRODUCT: Final = 4
"""Places of its sums."""


@kernel
def vpin(signed_imbalances: Array, volumes: Array) -> float:
    """Compute ``sum |imbalance| / sum volume`` of a window of buckets.

    Args:
        signed_imbalances: ``(n,)`` buy less sell volume.
        volumes: ``(n,)`` bucket volumes in the same unit, above 0.

    Returns:
        Ratio from 0 to 1.

    >>> vpin(np.array([4.0, -2.0]), np.array([10.0, 10.0]))
    0.3
    """
    imbalance = 0.0
    volume = 0.0
    for index in range(len(volumes)):
        imbalance += abs(signed_imbalances[index])
        volume += volumes[index]
    return imbalance / volume


@kernel
def empirical_cdf(values: Array, current: float) -> float:
    """Compute the fraction of values at or below ``current``.

    >>> empirical_cdf(np.array([0.1, 0.2, 0.3, 0.4]), 0.2)
    0.5
    """
    count = 0
    for index in range(len(values)):
        count += values[index] <= current
    return count / len(values)


@kernel
def measure(rows: Array, memory: Memory, terms: Array, parameters: Array) -> None:
    """Measure the window that ends with each completed bucket, and keep bucket and measures in their rings.

    Args:
        rows: Records of `services.vpin.kernel.layout.BUCKET` in the order of completion; their figures of the
            window are written, NaN where the window is not full.
        memory: Its ring of buckets and of VPIN values take the rows.
        terms: One record of `services.vpin.kernel.layout.TERMS` for each instrument row.
        parameters: One record of `services.vpin.kernel.layout.PARAMETERS`.
    """
    n = parameters[0].n_buckets
    window = np.empty((6, n))
    sums = np.empty(5)
    for index in range(len(rows)):
        bucket = rows[index]
        row = bucket.instrument
        ring = memory.buckets[row]
        ring[bucket.index % len(ring)] = bucket
        if bucket.n_observations < n:
            _blank(bucket)
        else:
            bucket.n_observations = n
            _gather(ring, bucket.index - n + 1, window, sums)
            _measure_impact(bucket, window, sums, terms[row].size_scale)
            elapsed = bucket.ts_close - ring[(bucket.index - n + 1) % len(ring)].ts_open
            bucket.trade_intensity = sums[N_TRADES] / (elapsed / 1e9) if elapsed > 0 else math.nan
            bucket.vpin = vpin(window[IMBALANCE], window[VOLUME])
            bucket.vpin_cdf = _rank(
                bucket.vpin, memory.lanes[row], memory.vpins[row], parameters[0].cdf_minimum
            )
        ring[bucket.index % len(ring)] = bucket


@kernel
def _gather(ring: Array, first: int, window: Array, sums: Array) -> None:
    """Copy the window's buckets into rows of numbers, oldest first, and add up their tallies."""
    sums[:] = 0.0
    for position in range(window.shape[1]):
        past = ring[(first + position) % len(ring)]
        window[IMBALANCE, position] = past.imbalance
        window[VOLUME, position] = past.volume
        window[PRICE_CHANGE, position] = past.price_change
        window[SIMPLE_RETURN, position] = past.simple_return
        window[LOG_RETURN, position] = past.log_return
        window[NOTIONAL, position] = past.notional
        sums[N_TRADES] += past.n_trades
        sums[N_PAIRS] += past.n_pairs
        sums[BEFORE] += past.sum_before
        sums[AFTER] += past.sum_after
        sums[PRODUCT] += past.sum_product


@kernel
def _measure_impact(bucket: Any, window: Array, sums: Array, size_scale: float) -> None:
    """Write the figures of liquidity and volatility into a bucket."""
    n = window.shape[1]
    imbalances = np.empty(n)
    total = 0.0
    for position in range(n):
        imbalances[position] = window[IMBALANCE, position] * size_scale
        total += imbalances[position]
    bucket.mean_imbalance = total / n
    bucket.realized_volatility = realized_volatility(window[LOG_RETURN])
    bucket.kyle_lambda = kyle_lambda(window[PRICE_CHANGE], imbalances)
    bucket.amihud_illiquidity = amihud_illiquidity(window[SIMPLE_RETURN], window[NOTIONAL])
    bucket.roll_spread = roll_spread(sums[N_PAIRS], sums[BEFORE], sums[AFTER], sums[PRODUCT])


@kernel
def _rank(current: float, lane: Any, values: Array, minimum: int) -> float:
    """Keep a VPIN value and return its rank among the kept ones; NaN below ``minimum`` values."""
    values[lane.n_vpins % len(values)] = current
    lane.n_vpins += 1
    if lane.n_vpins < minimum:
        return math.nan
    return empirical_cdf(values[: min(lane.n_vpins, len(values))], current)


@kernel
def _blank(bucket: Any) -> None:
    """Say that no figure of the window has a value."""
    bucket.vpin = math.nan
    bucket.vpin_cdf = math.nan
    bucket.mean_imbalance = math.nan
    bucket.trade_intensity = math.nan
    bucket.realized_volatility = math.nan
    bucket.kyle_lambda = math.nan
    bucket.amihud_illiquidity = math.nan
    bucket.roll_spread = math.nan
