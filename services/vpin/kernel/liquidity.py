"""What liquidity costs, and how fast it moves: figures of a window of buckets.

Arrays are ``(n,)``, oldest first, in natural units. Every figure is NaN where it has no value; a NaN in the
input gives NaN. Nothing is updated: a window is summed anew, oldest first, so no error builds up.
"""

from __future__ import annotations

import math

from bus.records import Array
from shared.kernels.compile import kernel


@kernel
def kyle_lambda(price_changes: Array, signed_volumes: Array) -> float:
    """Estimate the price impact of one unit of signed volume: the slope of an OLS fit with intercept.

    ``sum((q - mean q) (dp - mean dp)) / sum((q - mean q)^2)``, with everything taken from the first bucket.
    Volumes that differ by less than 1e-12 of the largest differ by rounding alone and do not vary.

    Args:
        price_changes: ``(n,)`` change of price in each bucket, currency.
        signed_volumes: ``(n,)`` buy less sell volume, natural size units.

    Returns:
        Currency per unit of size; NaN where the volumes do not vary.

    Source: Kyle, "Continuous Auctions and Insider Trading", Econometrica 53 (1985).

    >>> import numpy as np
    >>> changes, volumes = np.array([0.01, -0.02, 0.03, 0.01]), np.array([100.0, -150.0, 200.0, 50.0])
    >>> round(kyle_lambda(changes, volumes), 10)
    0.0001384615
    """
    n = len(signed_volumes)
    first_volume, first_change = signed_volumes[0], price_changes[0]
    total_volume = 0.0
    total_change = 0.0
    largest = 0.0
    for index in range(n):
        largest = max(largest, abs(signed_volumes[index]))
        total_volume += signed_volumes[index] - first_volume
        total_change += price_changes[index] - first_change
    product = 0.0
    squares = 0.0
    for index in range(n):
        deviation = signed_volumes[index] - first_volume - total_volume / n
        product += deviation * (price_changes[index] - first_change - total_change / n)
        squares += deviation * deviation
    return product / squares if squares > n * (1e-12 * largest) ** 2 else math.nan


@kernel
def amihud_illiquidity(returns: Array, notionals: Array) -> float:
    """Average the absolute return per unit of currency traded: ``mean(|r| / notional)``.

    Args:
        returns: ``(n,)`` simple return of each bucket.
        notionals: ``(n,)`` currency traded in it.

    Returns:
        Return per unit of currency; NaN where a bucket traded nothing worth.

    Source: Amihud, "Illiquidity and Stock Returns", Journal of Financial Markets 5 (2002).

    >>> import numpy as np
    >>> round(amihud_illiquidity(np.array([0.01, -0.02, 0.005]), np.array([1e6, 2e6, 0.5e6])), 15)
    1e-08
    """
    total = 0.0
    for index in range(len(returns)):
        total += abs(returns[index]) / notionals[index] if notionals[index] > 0.0 else math.nan
    return total / len(returns)


@kernel
def roll_spread(n_pairs: float, sum_before: float, sum_after: float, sum_product: float) -> float:
    """Infer the effective spread from the bounce of prices: ``2 sqrt(-cov(dp_t, dp_t-1))``.

    The covariance is the population one, of pairs of consecutive trade price changes, given by its sums.

    Args:
        n_pairs: Number of pairs.
        sum_before: Sum of the earlier changes, currency.
        sum_after: Sum of the later changes, currency.
        sum_product: Sum of the products.

    Returns:
        Spread in currency, positive; NaN without pairs, and where the covariance is not negative beyond the
        rounding of its sums.

    Source: Roll, "A Simple Implicit Measure of the Effective Bid-Ask Spread", Journal of Finance 39 (1984).

    >>> roll_spread(6.0, 0.0, 0.0, -0.0024)
    0.04
    """
    if n_pairs < 1.0:
        return math.nan
    mean_product = sum_product / n_pairs
    covariance = mean_product - (sum_before / n_pairs) * (sum_after / n_pairs)
    return 2.0 * math.sqrt(-covariance) if covariance < -1e-12 * abs(mean_product) else math.nan


@kernel
def realized_volatility(log_returns: Array) -> float:
    """Measure how far the price moved through the window: ``sqrt(sum r^2)``, not annualized.

    Args:
        log_returns: ``(n,)`` log return of each bucket, close to close.

    Returns:
        Volatility over the window, from 0.

    >>> import numpy as np
    >>> round(realized_volatility(np.array([0.03, -0.04])), 12)
    0.05
    """
    total = 0.0
    for index in range(len(log_returns)):
        total += log_returns[index] * log_returns[index]
    return math.sqrt(total)
