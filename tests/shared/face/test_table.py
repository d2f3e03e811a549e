"""Tables in requests, read a piece at a time."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from shared.constraints import Array, check_sorted
from shared.face import table as tables
from shared.face.answers import FieldProblem
from shared.face.problem import ProblemError
from shared.face.table import MISSING, Table, read_table

Time = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row."""

    time: Time
    price: Annotated[float, Meta(ge=-1e9, le=1e9)]
    size: float | None = None
    side: Literal[-1, 0, 1] | None = None


def read(document: Any) -> Table:
    """The table of a document, which may be a text."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return asyncio.run(read_table(msgspec.json.decode(text, type=msgspec.Raw), "rows", Row))


def wrong(document: Any) -> FieldProblem:
    """What is wrong with a table."""
    with pytest.raises(ProblemError) as caught:
        read(document)
    (found,) = caught.value.errors
    return found


rows = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(-(2**62), 2**62), "price": st.floats(-1e9, 1e9)},
        optional={"size": st.none() | st.floats(0, 1e9), "side": st.sampled_from([None, -1, 0, 1])},
    ),
    min_size=1,
    max_size=60,
)


@given(content=rows, piece=st.integers(1, 200), indent=st.sampled_from([None, 2]))
def test_rows_and_columns_give_the_same_arrays(
    content: list[dict[str, Any]], piece: int, indent: int | None
) -> None:
    """Whatever is left out, however it is written and wherever it is cut."""
    columns = {name: [row.get(name) for row in content] for name in ("time", "price", "size", "side")}
    expected: list[Array] = [
        np.array(columns["time"], np.int64),
        np.array(columns["price"], np.float64),
        np.array(columns["size"], np.float64),
        np.array([MISSING if side is None else side for side in columns["side"]], np.int8),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_PIECE", piece)
        by_row = read(json.dumps(content, indent=indent).encode())
        by_column = read(json.dumps(columns, indent=indent).encode())

    for found in (by_row, by_column):
        assert len(found) == len(content)
        for array, column in zip(expected, found.columns.values(), strict=True):
            assert array.dtype == column.dtype
            np.testing.assert_array_equal(array, column)


def test_columns_that_need_not_be_there_may_be_left_out() -> None:
    """They are filled with what stands for a missing value."""
    found = read({"time": [1, 2], "price": [3, 4.5]})

    assert np.isnan(found["size"]).all()
    assert found["side"].tolist() == [MISSING, MISSING]


@pytest.mark.parametrize(
    ("document", "field", "expected", "found", "index"),
    [
        ([{"time": 1, "price": 2}, {"time": 1.5, "price": 2}], "rows[1].time", "whole number", "1.5", 1),
        ([{"time": 1}], "rows[0].price", "number from -1000000000 to 1000000000", "nothing", 0),
        ([{"time": 1, "price": 2, "side": 2}], "rows[0].side", "`-1`, `0`, `1` or null", "2", 0),
        ([{"time": 1, "price": 2, "sid": 1}], "rows[0].sid", "a field of `time`", "`sid`", 0),
        ([{"time": 2**63, "price": 2}], "rows[0].time", "whole number", "9223372036854775808", 0),
        ([[1, 2]], "rows[0]", "table", "[1, 2]", 0),
        ([], "rows", "1 to 200000 rows", "0", None),
        ({}, "rows.time", "a value", "nothing", None),
        ({"time": [1]}, "rows.price", "a value", "nothing", None),
        ({"time": [], "price": []}, "rows", "1 to 200000 rows", "0", None),
        ({"time": [1, 2], "price": [1]}, "rows.price", "2 elements like `time`", "1", None),
        ({"time": [1, "x"], "price": [1, 2]}, "rows.time[1]", "whole number", '"x"', 1),
        ({"time": [1, [2, 3]], "price": [1, 2]}, "rows.time[1]", "whole number", "[2, 3]", 1),
        ({"time": [1], "price": [1], "more": []}, "rows.more", "a field of `time`", "`more`", None),
        (5, "rows", "table", "5", None),
        ("text", "rows", "table", '"text"', None),
        (None, "rows", "table", "null", None),
    ],
)
def test_the_value_at_fault_is_named_with_its_row(
    document: Any, field: str, expected: str, found: str, index: int | None
) -> None:
    """Path, expectation, finding and index, in rows and in columns."""
    problem = wrong(document)

    assert (problem.field, problem.index) == (field, index)
    assert problem.expected.startswith(expected)
    assert problem.found.startswith(found)


def test_a_wrong_row_far_behind_is_found_by_its_own_number() -> None:
    """Numbers of rows count from the beginning of the list, not of the piece."""
    content: list[dict[str, Any]] = [{"time": n, "price": 1.25} for n in range(50_000)]
    content[43_210]["price"] = "free"

    assert wrong(content) == FieldProblem(
        field="rows[43210].price",
        expected="number from -1000000000 to 1000000000",
        found='"free"',
        index=43_210,
    )
    columns: dict[str, Any] = {name: [row[name] for row in content] for name in ("time", "price")}
    assert wrong(columns).field == "rows.price[43210]"


def test_braces_and_commas_in_texts_are_no_way_in() -> None:
    """A value or a name that contains what pieces are cut at is refused like any other that is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_PIECE", 1)
        for odd in ('{"time": 1, "price": "},{"}', '{"time": 1, "price": 1, "}, {": 1}'):
            assert wrong(f"[{odd}, {odd}]".encode()).field.startswith("rows")


def test_there_are_only_so_many_rows() -> None:
    """A table that is too long is refused while it is read."""
    assert wrong({"time": [1] * 200_001, "price": [1] * 200_001}).expected == "1 to 200000 rows"


def test_a_constraint_of_a_column_names_the_row() -> None:
    """In the form in which the table was sent."""
    by_row = read([{"time": 2, "price": 1}, {"time": 1, "price": 1}])
    by_column = read({"time": [2, 1], "price": [1, 1]})

    for table, field in ((by_row, "rows[1].time"), (by_column, "rows.time[1]")):
        with pytest.raises(ProblemError) as caught:
            table.check("time", check_sorted)
        assert caught.value.errors == (
            FieldProblem(field=field, expected="at least 2, the one before", found="1", index=1),
        )


def test_reading_gives_way_to_others() -> None:
    """A long table is read in many turns of the event loop."""
    raw = msgspec.json.decode(json.dumps([{"time": 1, "price": 2}] * 20_000).encode(), type=msgspec.Raw)

    async def script() -> int:
        reading = asyncio.ensure_future(read_table(raw, "rows", Row))
        n_turns = 0
        while not reading.done():
            n_turns += 1
            await asyncio.sleep(0)
        return n_turns

    assert asyncio.run(script()) >= 8
