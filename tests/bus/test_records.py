"""Market records and slices of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import (
    AggressorSide,
    BarBasis,
    BarOrigin,
    BookAction,
    BookReason,
    BookState,
    Flag,
    SideOrigin,
)
from bus.records import FEED_KINDS, KINDS, Records
from tests.bus.slices import contents, flow, flows

SIZES = {
    "instrument": 136,
    "quote": 64,
    "trade": 48,
    "bar": 96,
    "clock": 24,
    "depth10": 352,
    "book_state": 32,
    "order": 56,
    "level": 48,
}


@pytest.mark.parametrize("kind", FEED_KINDS)
def test_a_record_is_laid_out_as_documented(kind: str) -> None:
    """Fixed width, little-endian, without padding, and the common fields first."""
    dtype = FEED_KINDS[kind]
    names = dtype.names or ()

    assert dtype.itemsize == SIZES[kind] == sum(dtype[name].itemsize for name in names)
    assert dtype.itemsize % 8 == 0
    assert names[:3] == ("sequence", "ts_event", "ts_init")
    assert all(dtype[name].base.str[0] in "<|" for name in names)
    fields: Mapping[str, Any] = dtype.fields or {}
    assert all(
        fields[name][1] % min(dtype[name].itemsize, 8) == 0 for name in names if dtype[name].kind != "S"
    )


def test_numbers_in_records_never_change_meaning() -> None:
    """The codes written into records are these for good."""
    assert [*map(int, AggressorSide)] == [-1, 0, 1]
    assert {origin.name: int(origin) for origin in SideOrigin} == {
        "NONE": 0,
        "REPORTED": 1,
        "QUOTE_RULE": 2,
        "TICK_RULE": 3,
    }
    assert {basis.name: int(basis) for basis in BarBasis} == {"TIME": 1, "VOLUME": 2, "DOLLAR": 3}
    assert {origin.name: int(origin) for origin in BarOrigin} == {"MADE": 1, "IMPORTED": 2}
    assert {flag.name: int(flag) for flag in Flag} == {
        "SUSPICIOUS": 1,
        "CROSSED": 2,
        "LAST": 4,
        "SNAPSHOT": 8,
    }
    assert [state.name for state in BookState] == ["SYNCING", "LIVE", "STALE", "CROSSED"]
    assert [action.name for action in BookAction] == ["ADD", "MODIFY", "CANCEL", "CLEAR", "SET"]
    assert [reason.name for reason in BookReason] == [
        *("NONE", "START", "SNAPSHOT", "GAP", "CHECKSUM", "DISCONNECTED", "UNKNOWN_ORDER", "CROSSED")
    ]


def test_kinds_that_are_absent_are_empty() -> None:
    """Any kind can be asked for; an empty array is as good as none."""
    records = Records({"trade": np.zeros(0, KINDS["trade"])})

    assert len(records) == 0
    assert dict(records) == {}
    for kind in KINDS:
        assert len(records[kind]) == 0
        assert records[kind].dtype == KINDS[kind]
    assert records.sequences().tolist() == []


def test_each_kind_has_its_name() -> None:
    """The properties are the arrays of their kinds."""
    records = flow(["instrument", "quote", "trade", "bar", "clock", "trade"])

    assert [len(records[kind]) for kind in KINDS] == [1, 1, 2, 1, 1, 0, 0]
    for kind, array in (
        ("instrument", records.instrument),
        ("quote", records.quote),
        ("trade", records.trade),
        ("bar", records.bar),
        ("clock", records.clock),
    ):
        assert array is records[kind]


def test_an_unknown_kind_is_no_kind() -> None:
    """A misspelt kind fails instead of being empty."""
    with pytest.raises(KeyError):
        flow(["trade"])["trades"]


@given(flows(min_size=1))
def test_ends_are_those_of_all_kinds(records: Records) -> None:
    """First and last sequence and time are over the whole slice."""
    sequences = records.sequences().tolist()
    times = [time for _, array in records for time in array["ts_init"].tolist()]

    assert sequences == [*range(records.first_sequence, records.last_sequence + 1)]
    assert (records.first_ts_init, records.last_ts_init) == (min(times), max(times))


@given(flows(min_size=1), st.data())
def test_a_slice_cut_and_joined_is_the_same(records: Records, data: st.DataObject) -> None:
    """Cutting at any sequence or time loses nothing, and joining gives the slice back."""
    sequence = data.draw(st.integers(records.first_sequence - 1, records.last_sequence + 2))
    time = data.draw(st.integers(records.first_ts_init - 1, records.last_ts_init + 1))

    for head, tail in (records.split_at_sequence(sequence), records.split_after_time(time)):
        assert len(head) + len(tail) == len(records)
        assert contents(Records.joined([head, tail])) == contents(records)
    before, after = records.split_at_sequence(sequence)
    assert all(found < sequence for found in before.sequences())
    assert all(found >= sequence for found in after.sequences())
    until, beyond = records.split_after_time(time)
    assert all(array["ts_init"].max() <= time for _, array in until)
    assert all(array["ts_init"].min() > time for _, array in beyond)


@given(flows(), st.frozensets(st.sampled_from(sorted(KINDS))))
def test_only_some_kinds(records: Records, kinds: frozenset[str]) -> None:
    """A selection keeps the chosen kinds whole and has nothing else."""
    chosen = contents(records.only(kinds))

    assert chosen == {kind: found for kind, found in contents(records).items() if kind in kinds}


@given(flows(min_size=1), st.integers(0, 2**40))
def test_numbering_is_a_copy(records: Records, base: int) -> None:
    """Renumbered records are ``base`` higher, everything else is as it was, and so is the original."""
    before = contents(records)
    numbered = records.numbered_from(base)

    assert numbered.sequences().tolist() == [sequence + base for sequence in records.sequences().tolist()]
    assert contents(records) == before
    assert contents(numbered.numbered_from(-base)) == before


def test_slicing_copies_nothing() -> None:
    """Parts are views of the same memory; joining a single slice gives that slice."""
    records = flow(["trade"] * 4)
    head, tail = records.split_at_sequence(3)

    assert np.shares_memory(head.trade, records.trade)
    assert np.shares_memory(tail.trade, records.trade)
    assert Records.joined([records]) is records
