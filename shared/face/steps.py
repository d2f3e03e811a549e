"""Numbers in natural units counted in whole steps, and exactly so.

A double that was written with up to fifteen digits says which decimal was meant: it is the nearest double to
it. So 0.1 is one step of a tenth, and 0.1 + 0.2 is no whole number of any step that a record can have.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np

from shared.constraints import Array
from shared.instruments import SCALE

FINEST: Final = Fraction(1, SCALE)
"""Smallest step of a record."""

_MOST: Final = 2.0**53
"""A double holds every whole number up to it."""


def step_of(numbers: Array) -> Fraction | None:
    """Largest decimal step up to 1 that all numbers are whole multiples of, None if there is none.

    >>> step_of(np.array([2.0, 0.25])), step_of(np.array([0.1 + 0.2]))
    (Fraction(1, 100), None)
    """
    step, rest = Fraction(1), numbers
    while step >= FINEST:
        rest = rest[~_fit(rest, step)]
        if len(rest) == 0:
            return step if _fit(numbers, step).all() else None
        step /= 10
    return None


def first_unfit(numbers: Array, step: Fraction) -> int | None:
    """Index of the first number that is no whole multiple of a step, or too many of it; None if all are.

    >>> first_unfit(np.array([1.0, 2.5]), Fraction(1))
    1
    """
    wrong = ~_fit(numbers, step)
    return int(wrong.argmax()) if wrong.any() else None


def counted(numbers: Array, step: Fraction) -> Array:
    """Numbers in steps, to the nearest.

    >>> counted(np.array([4780.25, -0.5]), Fraction(1, 4)).tolist()
    [19121, -2]
    """
    whole: Array = _count(numbers, step).astype(np.int64)
    return whole


def in_finest(numbers: Array) -> Array:
    """Numbers in 1e-9, as the decimals that they were written as where that can be told."""
    step = step_of(numbers)
    if step is None:
        return counted(numbers, FINEST)
    return counted(numbers, step) * int(step * SCALE)


def _count(numbers: Array, step: Fraction) -> Array:
    steps: Array = np.rint(numbers * float(step.denominator) / float(step.numerator))
    return steps


def _fit(numbers: Array, step: Fraction) -> Array:
    whole = _count(numbers, step) * float(step.numerator)
    fit: Array = (whole / float(step.denominator) == numbers) & (np.abs(whole) < _MOST)
    return fit
