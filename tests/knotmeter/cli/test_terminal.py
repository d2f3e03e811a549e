"""Tables and values for people."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from knotmeter.cli.terminal import MAX_ROWS, cell, moment, print_records, seconds, size


def printed(records: list[dict[str, Any]], width: int = 80) -> list[str]:
    """Lines of records at a width."""
    stream = io.StringIO()
    print_records(Console(file=stream, width=width, highlight=False, markup=False), records)
    return stream.getvalue().splitlines()


def test_few_columns_are_a_table() -> None:
    """Numbers to the right, a dash for what is missing."""
    lines = printed([{"instrument": "ES.XCME", "vpin": 0.25}, {"instrument": "NQ.XCME", "vpin": None}])

    assert [line.split() for line in lines] == [
        ["instrument", "vpin"],
        ["─" * len(lines[1].strip())],
        ["ES.XCME", "0.25"],
        ["NQ.XCME", "–"],
    ]


def test_many_columns_are_told_one_below_the_other() -> None:
    """A table that does not fit is turned."""
    lines = printed([{f"a_rather_long_name_{n}": n for n in range(9)}])

    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines if line] == [[f"a_rather_long_name_{n}", str(n)] for n in range(9)]


def test_long_tables_are_cut() -> None:
    """The rest is counted."""
    lines = printed([{"n": n} for n in range(MAX_ROWS + 5)])

    assert lines[-1] == "  … and 5 more"


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["instrument", "ts_event", "level", "text_that_is_long", "x", "reasons"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(0, 2**62),
                st.floats(allow_nan=False),
                st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=30),
                st.dictionaries(st.just("vpin"), st.just("warming_up")),
            ),
        ),
        max_size=4,
    )
)
def test_nothing_is_ever_wider_than_the_terminal(records: list[dict[str, Any]]) -> None:
    """Whatever an engine's summary holds."""
    assert max(map(len, printed(records)), default=0) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (0.200321041, "0.200321041"),
        (1_844_058.0, "1,844,058"),
        (False, "no"),
        ([1, None], "[1,null]"),
        ("[bold]", "[bold]"),
    ],
)
def test_cells(value: Any, text: str) -> None:
    """Values as people read them; marks of the terminal are plain text."""
    assert cell(value) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01 00:00:00Z"),
        (1, "1970-01-01 00:00:00.000000001Z"),
        (1_378_055_100_000_000_000, "2013-09-01 17:05:00Z"),
        (1_378_054_800_500_000_000, "2013-09-01 17:00:00.5Z"),
        (-1, "1969-12-31 23:59:59.999999999Z"),
    ],
)
def test_times_lose_only_zeros(nanoseconds: int, text: str) -> None:
    """No digit that says something is dropped."""
    assert moment(nanoseconds) == text


@given(st.floats(1e-9, 1e6))
def test_durations_keep_three_figures(duration: float) -> None:
    """The text is within half a percent of the number."""
    number, unit = seconds(duration).split()
    read = float(number.replace(",", "")) * {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit]
    assert abs(read / duration - 1) < 0.0051


def test_sizes() -> None:
    """Up to the largest."""
    assert [size(n) for n in (0, 1023, 1024, 5 << 30, 3 << 40)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "5 GiB",
        "3 TiB",
    ]
