"""Bulk volume classification: the buyers' share of a time bar's volume from the bar's price change.

``V^B = V Z(dP / sigma)``, with dP the change from the close of the bar before and Z the distribution
function of the standard normal or of Student's t. A bar whose price did not change is split evenly whatever
sigma is, and so is the first bar, which has no bar before it.

Sigma is the standard deviation of the dP up to and including the bar itself, all known at its close:

| rule | sigma | known from |
|---|---|---|
| fixed | the setting | the start |
| expanding | sample standard deviation of all dP | 2 changes |
| rolling | sample standard deviation of the last ``n`` dP | ``n`` changes |
| ewma | root of the weighted mean square of all dP, weights halving every half-life | 2 changes |

The kernels work with the tilt ``2 Z - 1``, buy less sell volume per unit of volume, because it loses no
digits near an even split.

Source: Easley, Lopez de Prado and O'Hara, "Flow Toxicity and Liquidity in a High-frequency World", Review
of Financial Studies 25 (2012); the t distribution with 0.25 degrees of freedom in "Discerning information
from trade data", Journal of Financial Economics 120 (2016).
"""

from __future__ import annotations

import math
from typing import Any, Final

from bus.records import Array
from services.vpin.kernel.layout import Method, SigmaRule
from shared.kernels.compile import kernel

STUDENT_T: Final = int(Method.BULK_STUDENT_T)
FIXED: Final = int(SigmaRule.FIXED)
EWMA: Final = int(SigmaRule.EWMA)
ROLLING: Final = int(SigmaRule.ROLLING)

_TINY: Final = 1e-300
_PRECISION: Final = 1e-16
_MAX_TERMS: Final = 20_000


@kernel
def normal_tilt(z: float) -> float:
    """Compute ``2 Phi(z) - 1`` for the standard normal distribution function, ``erf(z / sqrt(2))``.

    >>> round(0.5 + 0.5 * normal_tilt(0.5), 9)
    0.691462461
    """
    return math.erf(z / math.sqrt(2.0))


@kernel
def _continued_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta function, by Lentz; for ``x < (a + 1) / (a + b + 2)``."""
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    total = d
    for m in range(1, _MAX_TERMS):
        for odd in range(2):
            if odd:
                term = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
            else:
                term = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + term / c
            c = c if abs(c) > _TINY else _TINY
            total *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return total


@kernel
def student_t_tilt(t: float, degrees_of_freedom: float, log_beta: float) -> float:
    """Compute ``2 F(t) - 1`` for Student's t by the regularized incomplete beta function.

    For ``t > 0`` it is ``I_y(1/2, df/2)`` with ``y = t^2 / (df + t^2)``. The absolute error is below 1e-12
    for degrees of freedom from 0.01 to 10 000.

    Args:
        t: Where, any number; infinite is fine.
        degrees_of_freedom: From 0.01 to 10 000.
        log_beta: ``log B(df / 2, 1 / 2)``.

    Returns:
        From -1 to +1, with the sign of ``t``; NaN for NaN.

    Source: Abramowitz and Stegun (1964), 26.5.8 and 26.7.1.

    >>> log_beta = math.lgamma(0.125) + math.lgamma(0.5) - math.lgamma(0.625)
    >>> round(0.5 + 0.5 * student_t_tilt(-1.5, 0.25, log_beta), 9)
    0.324097871
    """
    if math.isnan(t):
        return t
    root = math.sqrt(degrees_of_freedom)
    if abs(t) < root:
        odds = (t / root) * (t / root)
        if odds == 0.0:
            return 0.0
        x, y = 1.0 / (1.0 + odds), odds / (1.0 + odds)
        log_x, log_y = -math.log1p(odds), math.log(odds) - math.log1p(odds)
    else:
        odds = (root / t) * (root / t)
        if odds == 0.0:
            return math.copysign(1.0, t)
        x, y = odds / (1.0 + odds), 1.0 / (1.0 + odds)
        log_x, log_y = math.log(odds) - math.log1p(odds), -math.log1p(odds)
    a = 0.5 * degrees_of_freedom
    front = math.exp(a * log_x + 0.5 * log_y - log_beta)
    if x < (a + 1.0) / (a + 2.5):
        tilt = 1.0 - front * _continued_fraction(a, 0.5, x) / a
    else:
        tilt = 2.0 * front * _continued_fraction(0.5, a, y)
    return math.copysign(min(max(tilt, 0.0), 1.0), t)


@kernel
def bar_tilt(change: float, sigma: float, parameters: Any) -> float:
    """Compute the tilt of a bar: 0 without a price change, NaN where sigma is not known.

    Args:
        change: Close-to-close price change of the bar, natural units.
        sigma: Its standard deviation in the same unit; NaN or 0 where unknown.
        parameters: One record of `services.vpin.kernel.layout.PARAMETERS`.

    Returns:
        ``2 Z(change / sigma) - 1``.
    """
    if change == 0.0:
        return 0.0
    if not sigma > 0.0:
        return math.nan
    if parameters.method == STUDENT_T:
        return student_t_tilt(change / sigma, parameters.degrees_of_freedom, parameters.log_beta)
    return normal_tilt(change / sigma)


@kernel
def sample_deviation(values: Array, count: int) -> float:
    """Compute the sample standard deviation of the first ``count`` values, in two passes; 0 if all are equal.

    >>> import numpy as np
    >>> sample_deviation(np.array([1.0, 3.0, 9.9]), 2) == math.sqrt(2.0)
    True
    """
    total = 0.0
    for index in range(count):
        total += values[index] - values[0]
    squares = 0.0
    for index in range(count):
        deviation = values[index] - values[0] - total / count
        squares += deviation * deviation
    return math.sqrt(squares / (count - 1))


@kernel
def observe_change(lane: Any, change: float, changes: Array, parameters: Any) -> float:
    """Take a bar's price change into the lane's estimate and return sigma, NaN where it is not known yet.

    Args:
        lane: Record of the instrument; its fields of the estimate are updated.
        change: Price change of the bar, natural units.
        changes: Ring of the instrument's last changes; used and updated by the rolling rule alone.
        parameters: One record of `services.vpin.kernel.layout.PARAMETERS`.
    """
    if parameters.sigma_rule == FIXED:
        return float(parameters.sigma)
    count = lane.n_changes + 1
    lane.n_changes = count
    if parameters.sigma_rule == ROLLING:
        window = len(changes)
        changes[(count - 1) % window] = change
        return sample_deviation(changes, window) if count >= window else math.nan
    if parameters.sigma_rule == EWMA:
        lane.squares = parameters.decay * lane.squares + change * change
        lane.weight = parameters.decay * lane.weight + 1.0
        return math.sqrt(lane.squares / lane.weight) if count >= 2 else math.nan
    deviation = change - lane.mean
    lane.mean += deviation / count
    lane.squares += deviation * (change - lane.mean)
    return math.sqrt(lane.squares / (count - 1)) if count >= 2 else math.nan
