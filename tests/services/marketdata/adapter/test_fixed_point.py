"""Prices and sizes as integers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.records import PRICE_SCALE
from services.marketdata.adapter import fixed_point
from services.marketdata.adapter.faults import Place
from services.marketdata.adapter.fixed_point import SIZE_SCALE
from shared.errors import DataError

HERE = Place("f.csv", "c", 10)


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
def test_a_price_of_up_to_fifteen_digits_is_exact(units: int, places: int) -> None:
    """Whatever decimal a double can hold, its fixed-point price is that decimal."""
    exact = Decimal(units).scaleb(-places)
    if abs(exact) < Decimal(4_000_000):
        found = fixed_point.prices(np.array([float(exact)]), 1.0, HERE)
        assert abs(int(found[0]) - exact * PRICE_SCALE) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("value", "found"),
    [(np.nan, "no value"), (np.inf, "inf"), (1e10, "10000000000.0"), (-1e300, "-1e\\+300")],
)
def test_a_price_that_cannot_be_is_refused(value: float, found: str) -> None:
    """Missing, infinite and overlarge prices are named with row and column."""
    with pytest.raises(
        DataError, match=rf"^f\.csv, row 11, column `c`: expected a price within .*, found {found}"
    ):
        fixed_point.prices(np.array([1.0, value]), 1.0, HERE)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(0, 6))
def test_decimals_and_counts_go_together(units: list[int], places: int) -> None:
    """Sizes counted in the increment that their decimals ask for are whole, and are the sizes again."""
    values = np.array([float(Decimal(unit).scaleb(-places)) for unit in units])
    needed = int(fixed_point.decimals(values).max())
    increment = SIZE_SCALE // 10**needed

    counts = fixed_point.sizes(values, 1.0, increment, HERE)

    assert needed <= places
    assert counts.tolist() == [unit * 10**needed // 10**places for unit in units]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1.0, "a finite size from 0, found -1.0"),
        (np.nan, "a finite size from 0, found no value"),
        (np.inf, "a finite size from 0, found inf"),
        (0.25, "a whole number of 0.1, found 0.25. Set `marketdata.size_increment`"),
    ],
)
def test_a_size_that_cannot_be_is_refused(value: float, expected: str) -> None:
    """Missing, negative and broken sizes are named with row and column."""
    with pytest.raises(DataError, match=rf"^f\.csv, row 12, column `c`: expected {expected}"):
        fixed_point.sizes(np.array([1.0, 2.0, value]), 1.0, SIZE_SCALE // 10, HERE)


def test_floating_point_noise_is_no_part_of_a_size() -> None:
    """What arithmetic leaves in the last bits is not a size of its own."""
    values = np.array([0.1 + 0.2, 1.1 * 3, 1e6 + 0.1])

    assert fixed_point.decimals(values).tolist() == [1, 1, 1]
    assert fixed_point.sizes(values, 1.0, SIZE_SCALE // 10, HERE).tolist() == [3, 33, 10_000_001]


def test_increments_of_each_row() -> None:
    """Instruments of one file may be counted in different increments."""
    increments = np.array([SIZE_SCALE, SIZE_SCALE // 100])

    assert fixed_point.sizes(np.array([3.0, 3.0]), 1.0, increments, HERE).tolist() == [3, 300]


def test_a_missing_size_may_mean_none() -> None:
    """Where a size is optional a missing one is 0; a negative one is still refused."""
    assert fixed_point.sizes(np.array([np.nan]), 1.0, SIZE_SCALE, HERE, optional=True).tolist() == [0]
    with pytest.raises(DataError):
        fixed_point.sizes(np.array([-np.inf]), 1.0, SIZE_SCALE, HERE, optional=True)


def test_whole_sizes_are_taken_as_they_are() -> None:
    """Whole numbers need no floating point, so that the largest are exact; wrong ones are named."""
    assert fixed_point.whole_sizes(pa.array([2**62 - 1, 0]), HERE).tolist() == [2**62 - 1, 0]
    with pytest.raises(DataError, match="row 11, column `c`: expected a finite size from 0, found -5"):
        fixed_point.whole_sizes(pa.array([1, -5]), HERE)
    with pytest.raises(DataError, match="row 11, column `c`: expected a finite size from 0, found no value"):
        fixed_point.whole_sizes(pa.array([1, None]), HERE)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (pa.array(["1.5", "x"]), "row 11, column `c`: expected a number, found 'x'"),
        (pa.array([[1], [2]]), "expected numbers, found values of type list"),
    ],
)
def test_what_is_no_number_is_refused(array: pa.Array, message: str) -> None:
    """Text is read as a number where it is one."""
    with pytest.raises(DataError, match=message):
        fixed_point.floats(array, HERE)


@pytest.mark.parametrize(
    ("prices", "step"),
    [
        ([1640.25, 1640.5], 0.25),
        ([158.39, 158.5], 0.01),
        ([100.0, 103.0], 1.0),
        ([110.015625, 110.03125], 1 / 64),
        ([1.39147, 1.39148], 0.00001),
        ([80.025, 80.05], 0.025),
        ([26.4432342, 1.0], 1e-7),
        ([0.0], 0.01),
        ([], 0.01),
    ],
)
def test_price_steps_of_markets(prices: list[float], step: float) -> None:
    """The step is one that markets use: tenths of 1, 0.5 and 0.25, and binary fractions."""
    units = np.rint(np.array(prices, float) * PRICE_SCALE).astype(np.int64)
    divisor = int(np.gcd.reduce(units)) if len(units) else 0

    assert fixed_point.price_step(divisor) == round(step * PRICE_SCALE)
