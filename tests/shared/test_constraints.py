"""Constraint types and array checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.constraints import (
    FiniteFloat,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TimeZoneName,
    check_finite,
    check_length,
    check_non_negative,
    check_positive,
    check_same_length,
    check_sorted,
    is_time_zone,
)
from shared.errors import ConstraintError
from shared.setting_types import accepts

REFUSED: list[tuple[Any, list[Any]]] = [
    (PositiveInt, [0, -1, 1.5, "1"]),
    (NonNegativeInt, [-1, 0.5]),
    (FiniteFloat, [math.inf, -math.inf, math.nan]),
    (PositiveFloat, [0.0, -1.0, math.inf, math.nan]),
    (NonNegativeFloat, [-1e-300, math.inf, math.nan]),
    (Fraction, [-0.01, 1.01, math.nan]),
    (TimeZoneName, ["", "Mars/Olympus", "/etc/passwd", "../UTC", "a\0b"]),
]

ACCEPTED: list[tuple[Any, list[Any]]] = [
    (PositiveInt, [1, 2**62]),
    (NonNegativeInt, [0]),
    (FiniteFloat, [-1.5, 0, 1e308]),
    (PositiveFloat, [5e-324, 1, 1.7e308]),
    (NonNegativeFloat, [0.0]),
    (Fraction, [0, 0.5, 1]),
    (TimeZoneName, ["UTC", "America/New_York", "Asia/Kolkata"]),
]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in REFUSED for value in values])
def test_a_scalar_outside_its_type_is_refused(kind: Any, value: Any) -> None:
    """Each constrained type refuses what its name excludes, NaN and infinities included."""
    assert not accepts(value, kind)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in ACCEPTED for value in values])
def test_a_scalar_inside_its_type_is_taken(kind: Any, value: Any) -> None:
    """Each constrained type takes the ends of its range."""
    assert accepts(value, kind)
    assert msgspec.convert(value, kind) == value


@pytest.mark.parametrize("kind", [PositiveInt, NonNegativeInt, PositiveFloat, NonNegativeFloat])
def test_a_field_may_narrow_its_type(kind: Any) -> None:
    """A type without an upper bound can be given one where it is used."""
    narrowed = Annotated[kind, msgspec.Meta(le=5)]

    assert accepts(5, narrowed)
    assert not accepts(6, narrowed)
    assert not accepts(-1, narrowed)


def test_a_time_zone_exists_or_not() -> None:
    """A zone is looked up by its IANA name; a path is none."""
    assert is_time_zone("Europe/Berlin")
    assert not is_time_zone("Europe")


@pytest.mark.parametrize(
    ("check", "values", "index"),
    [
        (check_finite, [1.0, 2.0, math.inf, math.nan], 2),
        (check_finite, [math.nan], 0),
        (check_positive, [1, 0, -1], 1),
        (check_positive, [1.0, math.nan], 1),
        (check_non_negative, [0, 1, -1], 2),
        (check_non_negative, [math.nan], 0),
        (check_sorted, [1, 2, 1, 0], 2),
        (check_sorted, [1.0, math.nan, 2.0], 1),
        (check_positive, [[1, 1], [1, 0], [0, 0]], 1),
    ],
)
def test_the_first_offender_is_named(
    check: Callable[[str, Any], None], values: list[Any], index: int
) -> None:
    """An array check tells the argument, the index of the first wrong element and what it is."""
    with pytest.raises(ConstraintError, match=rf"`prices\[{index}\]`: expected .*, got ") as caught:
        check("prices", np.array(values))

    assert caught.value.index == index


@pytest.mark.parametrize("check", [check_finite, check_positive, check_non_negative, check_sorted])
def test_nothing_is_wrong_with_nothing(check: Callable[[str, Any], None]) -> None:
    """An empty array passes every check of its elements."""
    check("prices", np.zeros(0))


@given(arrays(np.float64, st.integers(0, 20)))
def test_checks_agree_with_their_definition(values: np.ndarray[Any, Any]) -> None:
    """A check passes exactly if every element keeps its promise."""
    promises: dict[Callable[[str, Any], None], bool] = {
        check_finite: all(math.isfinite(value) for value in values),
        check_positive: all(value > 0 for value in values),
        check_non_negative: all(value >= 0 for value in values),
        check_sorted: all(values[i] <= values[i + 1] for i in range(len(values) - 1)),
    }
    for check, promise in promises.items():
        try:
            check("x", values)
        except ConstraintError:
            assert not promise
        else:
            assert promise


def test_lengths_are_compared_with_the_first() -> None:
    """Arrays of one request have one length; the message names both arguments."""
    check_same_length(price=np.zeros(3), size=np.zeros(3))
    with pytest.raises(ConstraintError, match="`size`: expected 3 elements like `price`, got 2"):
        check_same_length(price=np.zeros(3), size=np.zeros(2))


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (3, True), (4, False)])
def test_length_has_two_bounds(length: int, *, fits: bool) -> None:
    """Too short and too long are refused, the bounds themselves are not."""
    if fits:
        check_length("x", np.zeros(length), 1, 3)
    else:
        with pytest.raises(ConstraintError, match=f"`x`: expected 1 to 3 elements, got {length}"):
            check_length("x", np.zeros(length), 1, 3)
