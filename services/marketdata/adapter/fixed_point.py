"""Prices and sizes: from the numbers of a file to fixed-point integers, and back to how fine they are.

A price becomes an integer in 1e-9, rounded to the nearest. A size becomes an integer count of the
instrument's size increment and must be a whole number of them: sizes are summed, and a sum must be exact.
Numbers closer than 1e-12, or than the last bits of a double, are taken as equal: that is what arithmetic in
floating point leaves behind.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bus.records import PRICE_SCALE
from services.marketdata.adapter.faults import Place, first_failure, first_true

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SIZE_SCALE: Final = 1_000_000_000
"""Size increments are integers in 1e-9."""

_NOISE: Final = 1e-12
_LAST_BITS: Final = 1e-15
_LARGEST: Final = 2.0**62
"""Bound of prices and sizes in magnitude: sums and differences of two then fit 64 bits."""

_STEPS: Final = tuple(
    sorted(
        {PRICE_SCALE // (4 * 10**power) * step for power in range(8) for step in (4, 2, 1)}
        | {PRICE_SCALE >> power for power in range(10)},
        reverse=True,
    )
)
"""Price steps that markets use, in 1e-9: 1, 0.5 and 0.25 with their tenths, and the binary fractions."""

_DEFAULT_STEP: Final = PRICE_SCALE // 100


def floats(array: pa.Array, place: Place) -> Floats:
    """Values of a column as doubles, NaN where there is none.

    Raises:
        DataError: a value is not a number.
    """
    try:
        plain = pc.cast(array, pa.float64())
    except pa.ArrowInvalid as error:
        index = first_failure(array, _as_floats)
        found = repr(array[index].as_py())
        raise place.fault(index, "a number", found, "Mend or remove the row.") from error
    except pa.ArrowNotImplementedError as error:
        advice = "Map our field to another column, in `marketdata.columns`."
        raise place.fault(0, "numbers", f"values of type {array.type}", advice) from error
    values: Floats = plain.to_numpy(zero_copy_only=False)
    return values


def prices(values: Floats, multiplier: float, place: Place) -> Integers:
    """Prices in 1e-9, shape of ``values``.

    Raises:
        DataError: a price is missing, not finite or too large.
    """
    with np.errstate(over="ignore"):
        scaled = values * (PRICE_SCALE * multiplier)
    np.rint(scaled, out=scaled)
    if not _within(scaled, -_LARGEST, _LARGEST):
        wrong = first_true(~(np.abs(scaled) < _LARGEST)) or 0
        expected = f"a price within ±{_LARGEST / PRICE_SCALE:.3g}"
        raise place.fault(wrong, expected, _shown(values[wrong]), "Mend or remove the row.")
    return scaled.astype(np.int64)


def sizes(
    values: Floats, multiplier: float, increments: int | Integers, place: Place, *, optional: bool = False
) -> Integers:
    """Sizes counted in ``increments`` (1e-9 each), shape of ``values``.

    Args:
        values: Sizes as the file has them.
        multiplier: What they are multiplied by.
        increments: One size increment, or one for each value.
        place: Where they stand.
        optional: whether a missing size is 0 instead of an error.

    Raises:
        DataError: a size is missing, negative, too large or not a whole number of increments.
    """
    if optional:
        values = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
    factor = SIZE_SCALE / np.asarray(increments, np.float64)
    with np.errstate(over="ignore"):
        exact = values * multiplier * factor
    counts = np.rint(exact)
    if not _within(exact, -0.0, _LARGEST):
        outside = first_true(~((exact >= 0) & (exact < _LARGEST))) or 0
        expected = "a finite size from 0"
        raise place.fault(outside, expected, _shown(values[outside]), "Mend or remove the row.")
    rest = np.abs(exact - counts)
    if rest.any() and (wrong := first_true(rest > _LAST_BITS * exact + _NOISE * factor)) is not None:
        step = float(np.broadcast_to(increments, values.shape)[wrong]) / SIZE_SCALE
        advice = "Set `marketdata.size_increment` to a step that divides every size."
        raise place.fault(wrong, f"a whole number of {step:.9g}", _shown(values[wrong]), advice)
    return counts.astype(np.int64)


def whole_sizes(array: pa.Array, place: Place) -> Integers:
    """Sizes of a column of whole numbers that are counted in 1.

    Raises:
        DataError: a size is missing or negative.
    """
    values: Integers = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
    if array.null_count or (len(values) and values.min() < 0):
        return sizes(floats(array, place), 1.0, SIZE_SCALE, place)
    return values


def decimals(values: Floats) -> NDArray[np.uint8]:
    """Decimal places that each value needs, at most 9, shape of ``values``; 0 for NaN and infinities.

    >>> decimals(np.array([3.0, 0.5, 26.062, 0.1 + 0.2])).tolist()
    [0, 1, 3, 1]
    """
    needed = np.zeros(len(values), np.uint8)
    left = np.flatnonzero(np.isfinite(values))
    for power in range(9):
        scaled = values[left] * 10.0**power
        tolerance = _LAST_BITS * np.abs(scaled) + _NOISE * 10.0**power
        left = left[np.abs(scaled - np.rint(scaled)) > tolerance]
        if not len(left):
            break
        needed[left] = power + 1
    return needed


def price_step(divisor: int) -> int:
    """The largest usual price step, in 1e-9, that divides prices with this common divisor; 0.01 if it is 0.

    >>> price_step(1640_250_000_000) / PRICE_SCALE
    0.25
    """
    if not divisor:
        return _DEFAULT_STEP
    return next((step for step in _STEPS if divisor % step == 0), 1)


def price_divisors(codes: NDArray[Any], found: Integers) -> dict[int, int]:
    """Greatest common divisor of every code's prices, 1e-9.

    >>> price_divisors(np.array([0, 1, 0]), np.array([1_500_000_000, 10_000_000, 2_000_000_000]))
    {0: 500000000, 1: 10000000}
    """
    if not len(codes):
        return {}
    if (codes == codes[0]).all():
        return {int(codes[0]): int(np.gcd.reduce(found))}
    order = np.argsort(codes, kind="stable")
    grouped = codes[order]
    starts = np.flatnonzero(np.append(True, grouped[1:] != grouped[:-1]))
    divisors = np.gcd.reduceat(found[order], starts)
    return {int(code): int(divisor) for code, divisor in zip(grouped[starts], divisors, strict=True)}


def _within(values: Floats, low: float, high: float) -> bool:
    """Whether all values are finite and from ``low`` to below ``high``; a NaN is not."""
    return not len(values) or bool(values.min() >= low and values.max() < high)


def _as_floats(array: pa.Array) -> pa.Array:
    return pc.cast(array, pa.float64())


def _shown(value: Any) -> str:
    return "no value" if np.isnan(value) else repr(float(value))
