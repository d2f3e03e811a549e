"""Documents: arrays and tables of any library become columns of JSON, and what is no number is refused."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from knotmeter import ClientError
from knotmeter.client.document import encode

N_ROWS = 3
TIMES = np.array([1_000, 2_000, 3_000])
PRICES = np.array([1.5, np.nan, 2.5])
EXPECTED = {"ts_event": [1_000, 2_000, 3_000], "price": [1.5, None, 2.5], "side": [1, -1, 0]}


def structured() -> Any:
    """The table as a structured array."""
    array = np.zeros(N_ROWS, [("ts_event", "i8"), ("price", "f8"), ("side", "i1")])
    array["ts_event"], array["price"], array["side"] = TIMES, PRICES, [1, -1, 0]
    return array


class Series:
    """A column of a library that NumPy understands."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return PRICES


@pytest.mark.parametrize(
    "table",
    [
        {"ts_event": TIMES, "price": PRICES, "side": np.array([1, -1, 0], np.int8)},
        {"ts_event": TIMES.astype("datetime64[ns]"), "price": Series(), "side": (1, -1, 0)},
        {
            "ts_event": TIMES.tolist(),
            "price": [1.5, None, np.float64(2.5)],
            "side": np.array([1, -1, 0], object),
        },
        structured(),
        pa.table(
            {
                "ts_event": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
                "price": pa.array([1.5, None, 2.5]),
                "side": [1, -1, 0],
            }
        ),
        pa.record_batch({"ts_event": TIMES, "price": PRICES, "side": [1, -1, 0]}),
        {"ts_event": pa.chunked_array([TIMES]), "price": PRICES, "side": [1, -1, 0]},
    ],
    ids=["arrays", "times and series", "lists", "structured", "arrow table", "arrow batch", "arrow column"],
)
def test_a_table_is_sent_by_columns(table: Any) -> None:
    """Whatever holds it; NaN and None are null, times are nanoseconds."""
    assert msgspec.json.decode(encode({"trades": table})) == {"trades": EXPECTED}


def test_rows_stay_rows() -> None:
    """A list of rows is sent as it is."""
    rows = [{"ts_event": np.int64(1), "price": 2.5}, {"ts_event": 2, "price": np.float32(0.5)}]
    assert msgspec.json.decode(encode({"trades": rows})) == {
        "trades": [{"ts_event": 1, "price": 2.5}, {"ts_event": 2, "price": 0.5}]
    }


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"sigma": math.inf}, "sigma"),
        ({"trades": {"price": np.array([1.0, -np.inf])}}, r"trades\.price\[1\]"),
        ({"trades": {"price": [1.0, 2.0, math.inf]}}, r"trades\.price\[2\]"),
        ({"trades": [{"price": math.inf}]}, r"trades\[0\]\.price"),
        ({"trades": pa.table({"price": [1.0, math.inf]})}, r"trades\.price\[1\]"),
        ({"x": np.float64("inf")}, "x"),
    ],
)
def test_an_infinity_is_refused(fields: dict[str, Any], place: str) -> None:
    """It would go over the wire as null, which says that the number is missing."""
    with pytest.raises(ClientError, match=f"`{place}`: expected a finite number, or NaN where it is missing"):
        encode(fields)


@pytest.mark.parametrize("value", [object(), np.array([1j]), {1, object()}])
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    """With what was found."""
    with pytest.raises(ClientError, match="expected a"):
        encode({"x": value})
