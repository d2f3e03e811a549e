"""Numbers counted in whole steps."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.face.steps import FINEST, counted, first_unfit, in_finest, step_of


@given(
    units=st.lists(st.integers(0, 10**13), min_size=1, max_size=20),
    decimals=st.integers(0, 9),
)
def test_decimals_are_counted_exactly(units: list[int], decimals: int) -> None:
    """Numbers written with so many decimals are whole multiples of that step, and counted as such."""
    numbers = np.array([float(Decimal(unit).scaleb(-decimals)) for unit in units])
    step = Fraction(1, 10**decimals)

    assert first_unfit(numbers, step) is None
    assert counted(numbers, step).tolist() == units
    found = step_of(numbers)
    assert found is not None
    assert (found / step).denominator == 1


@given(price=st.decimals(-4_000_000_000, 4_000_000_000, places=2))
def test_prices_are_the_decimals_that_were_written(price: Decimal) -> None:
    """To the last unit of 1e-9, also where a double has fewer digits than that."""
    assert in_finest(np.array([float(price)])).tolist() == [int(price.scaleb(9))]


def test_prices_of_no_decimal_step_are_rounded_to_the_finest() -> None:
    """A third is what it is to nine decimals."""
    assert in_finest(np.array([1 / 3, -2 / 3, 5.0])).tolist() == [333_333_333, -666_666_667, 5_000_000_000]


@pytest.mark.parametrize(
    ("numbers", "step"),
    [
        ([2.0, 7.0], Fraction(1)),
        ([0.1, 3.0], Fraction(1, 10)),
        ([9220.29], Fraction(1, 100)),
        ([1e-9], FINEST),
        ([0.1 + 0.2], None),
        ([1e-10], None),
        ([2.0**53], None),
        ([2.0**52, 0.001], None),
    ],
)
def test_the_largest_step_is_found(numbers: list[float], step: Fraction | None) -> None:
    """A decimal one that all have in common; none where a number has no nine decimals, or is too large."""
    assert step_of(np.array(numbers)) == step


def test_other_steps_are_counted_too() -> None:
    """Quarters, hundreds; the first number that does not fit is found."""
    assert counted(np.array([0.25, 1.5]), Fraction(1, 4)).tolist() == [1, 6]
    assert counted(np.array([300.0]), Fraction(100)).tolist() == [3]
    assert first_unfit(np.array([100.0, 200.0, 250.0]), Fraction(100)) == 2
