"""Constraints declared once: annotated scalar types for settings and messages, and checks of whole arrays.

A scalar type carries its bound with it: whoever decodes or converts to it refuses what lies outside. An array
check raises `shared.errors.ConstraintError` with the index of the first offending element.
"""

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import ConstraintError

Array = NDArray[Any]

_LARGEST: Final = sys.float_info.max
"""Bound that leaves out the infinities; a NaN passes no bound."""


class Check(NamedTuple):
    """Constraint that no bound can say, carried by an annotated type under ``extra["check"]``."""

    expected: str
    """What is expected, to go into a message."""
    passes: Callable[[Any], bool]


PositiveInt = Annotated[int, msgspec.Meta(gt=0, description="a whole number above 0")]
"""Whole number above 0."""

NonNegativeInt = Annotated[int, msgspec.Meta(ge=0, description="a whole number from 0")]
"""Whole number from 0."""

FiniteFloat = Annotated[float, msgspec.Meta(ge=-_LARGEST, le=_LARGEST, description="a finite number")]
"""Number that is neither infinite nor NaN."""

PositiveFloat = Annotated[float, msgspec.Meta(gt=0, description="a number above 0")]
"""Number above 0, without an upper bound, so that a field may add ``le``; who reads settings or JSON refuses
infinity."""

NonNegativeFloat = Annotated[float, msgspec.Meta(ge=0, description="a number from 0")]
"""Number from 0, without an upper bound, so that a field may add ``le``; who reads settings or JSON refuses
infinity."""

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1, description="a fraction, 0 to 1")]
"""Fraction from 0 to 1, never percent."""


def is_time_zone(name: str) -> bool:
    """Whether this machine knows a time zone of this IANA name.

    >>> is_time_zone("UTC"), is_time_zone("Mars/Olympus"), is_time_zone("../etc")
    (True, False, False)
    """
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


TimeZoneName = Annotated[
    str,
    msgspec.Meta(
        description="an IANA time zone",
        extra={"check": Check("an IANA time zone such as `America/New_York`", is_time_zone)},
    ),
]
"""IANA name of a time zone; existence is checked by `shared.config` when settings are loaded."""


def check_finite(name: str, array: Array) -> None:
    """Refuse infinities and NaN.

    >>> check_finite("price", np.array([1.0, np.nan]))
    Traceback (most recent call last):
    shared.errors.ConstraintError: `price[1]`: expected a finite number, got nan
    """
    _refuse(name, array, ~np.isfinite(array), "a finite number")


def check_positive(name: str, array: Array) -> None:
    """Refuse zero, negative numbers and NaN."""
    _refuse(name, array, ~(array > 0), "a number above 0")


def check_non_negative(name: str, array: Array) -> None:
    """Refuse negative numbers and NaN."""
    _refuse(name, array, ~(array >= 0), "a number from 0")


def check_sorted(name: str, array: Array) -> None:
    """Refuse an element below the one before it; equal neighbours are fine, NaN is not."""
    falls = np.zeros(len(array), bool)
    falls[1:] = ~(array[1:] >= array[:-1])
    if falls.any():
        index = int(falls.argmax())
        raise ConstraintError(name, f"at least {array[index - 1]}, the one before", str(array[index]), index)


def check_same_length(**arrays: Array) -> None:
    """Refuse arrays of different lengths; the first one sets it."""
    (first, reference), *others = arrays.items()
    for name, array in others:
        if len(array) != len(reference):
            raise ConstraintError(name, f"{len(reference)} elements like `{first}`", str(len(array)))


def check_length(name: str, array: Array, minimum: int, maximum: int) -> None:
    """Refuse an array with fewer or more elements than allowed."""
    if not minimum <= len(array) <= maximum:
        raise ConstraintError(name, f"{minimum} to {maximum} elements", str(len(array)))


def _refuse(name: str, array: Array, wrong: NDArray[np.bool_], expected: str) -> None:
    if wrong.any():
        index = int(np.unravel_index(wrong.argmax(), wrong.shape)[0])
        raise ConstraintError(name, expected, str(array[index]), index)
