"""Figures with their provenance."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values import Reason, Series, Value


def test_a_known_value_tells_where_it_comes_from() -> None:
    """Number, times, count, method and parameters are all there."""
    value = Value.known(
        0.5, ts_event=20, as_of_oldest=10, n_observations=50, method="vpin", parameters={"n_buckets": 50}
    )

    assert (value.value, value.reason) == (0.5, None)
    assert (value.ts_event, value.as_of_oldest, value.n_observations) == (20, 10, 50)
    assert (value.method, value.parameters) == ("vpin", {"n_buckets": 50})


def test_a_missing_value_has_its_reason() -> None:
    """Null comes with a reason, and with what is known of the inputs so far."""
    value = Value.missing(Reason.WARMING_UP, method="vpin", ts_event=7, n_observations=3)

    assert (value.value, value.reason, value.as_of_oldest) == (None, Reason.WARMING_UP, 7)
    assert Value.missing(Reason.NO_QUOTE, method="mid").ts_event is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": None, "reason": None}, "`value`: expected a number or a reason"),
        ({"value": 1.0, "reason": Reason.SINGULAR}, "`value`: expected a number or a reason"),
        ({"value": math.nan}, "`value`: expected a finite number"),
        ({"value": math.inf}, "`value`: expected a finite number"),
        ({"ts_event": None}, "`ts_event`: expected the time"),
        ({"as_of_oldest": 6}, "`as_of_oldest`: expected at most `ts_event` 5, got 6"),
        ({"n_observations": -1}, "`n_observations`: expected a count from 0, got -1"),
    ],
)
def test_an_impossible_value_cannot_be_made(fields: dict[str, Any], message: str) -> None:
    """Number and reason exclude each other; numbers are finite; a known value has its time."""
    good = {
        "value": 1.0,
        "reason": None,
        "ts_event": 5,
        "as_of_oldest": 5,
        "n_observations": 1,
        "method": "m",
    }

    with pytest.raises(ValueError, match=message):
        Value(**(good | fields))


def test_an_impossible_value_cannot_be_decoded() -> None:
    """What comes in from outside keeps the invariants too."""
    parts = {
        "value": None,
        "reason": None,
        "ts_event": 1,
        "as_of_oldest": 1,
        "n_observations": 0,
        "method": "",
    }
    text = msgspec.json.encode(parts)

    with pytest.raises(msgspec.ValidationError, match="expected a number or a reason"):
        msgspec.json.decode(text, type=Value)


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**60), 2**60), st.sampled_from(Reason)
)
def test_values_travel_unchanged(number: float, time: int, reason: Reason) -> None:
    """A value encoded and decoded is the same value, bit for bit."""
    known = Value.known(number, ts_event=time, n_observations=1, method="m", parameters={"a": 1, "b": None})
    missing = Value.missing(reason, method="m", ts_event=time)

    for value in (known, missing):
        assert msgspec.json.decode(msgspec.json.encode(value), type=Value) == value
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=Value) == value


def test_reasons_are_words() -> None:
    """A reason is written as a lower-case word, the same in code, JSON and on the bus."""
    assert all(reason.value == reason.name.lower() for reason in Reason)
    assert {"warming_up", "no_quote", "stale_quote", "not_enough_history", "singular"} <= {*Reason}


def test_a_series_says_why_figures_are_missing() -> None:
    """NaN in the array becomes null with the reason at its place."""
    series = Series.known(
        np.array([1, 2, 2]),
        np.array([np.nan, 0.5, 0.25]),
        n_observations=3,
        method="mean",
        parameters={"n": 2},
    )

    assert series.ts_event == (1, 2, 2)
    assert series.values == (None, 0.5, 0.25)
    assert series.reasons == (Reason.WARMING_UP, None, None)


def test_a_missing_series_is_missing_throughout() -> None:
    """Each time has its null and the same reason; no times, no figures."""
    series = Series.missing(Reason.SINGULAR, [1, 2], method="ols", n_observations=2)

    assert (series.values, series.reasons) == ((None, None), (Reason.SINGULAR,) * 2)
    assert Series.missing(Reason.SINGULAR, [], method="ols").values == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ts_event": (1,)}, "of one length, got 1, 2 and 2"),
        ({"ts_event": (2, 1)}, r"`ts_event\[1\]`: expected at least the one before, got 1"),
        ({"values": (0.5, None)}, r"`values\[1\]`: expected a number or a reason"),
        ({"values": (0.5, math.inf)}, r"`values\[1\]`: expected a finite number"),
        ({"n_observations": -1}, "`n_observations`"),
    ],
)
def test_an_impossible_series_cannot_be_made(fields: dict[str, Any], message: str) -> None:
    """A series is parallel, in time order, and null exactly where it has a reason."""
    good = {
        "ts_event": (1, 2),
        "values": (0.5, 0.5),
        "reasons": (None, None),
        "n_observations": 2,
        "method": "m",
    }

    with pytest.raises(ValueError, match=message):
        Series(**(good | fields))  # type: ignore[arg-type]


def test_an_infinity_in_an_array_is_refused() -> None:
    """Only NaN stands for a missing figure; an infinity is a mistake."""
    with pytest.raises(ValueError, match=r"`values\[0\]`: expected a finite number"):
        Series.known([1], [math.inf], n_observations=1, method="m")
