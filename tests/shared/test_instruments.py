"""The instrument table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.instruments import Instrument, Instruments, to_records

identifiers = st.from_regex(r"[A-Z0-9/-]{1,12}\.[A-Z]{3,5}", fullmatch=True)
definitions = st.builds(
    Instrument,
    instrument_id=identifiers,
    price_increment=st.integers(1, 2**62),
    size_increment=st.integers(1, 2**62),
    multiplier=st.integers(1, 2**62),
    currency=st.sampled_from(["USD", "EUR", "USDT"]),
    time_zone=st.sampled_from(["UTC", "America/New_York", "America/Argentina/Buenos_Aires"]),
)


@given(st.lists(definitions, min_size=1, max_size=8, unique_by=lambda instrument: instrument.instrument_id))
def test_definitions_survive_the_bus(instruments: list[Instrument]) -> None:
    """What is written into records is learned back, row by row."""
    table = Instruments()
    half = len(instruments) // 2
    table.learn(to_records(instruments[:half], 0, 5))
    records = to_records(instruments[half:], half, 5)
    table.learn(records)

    assert table.definitions() == list(table) == instruments
    assert [table.row(instrument.instrument_id) for instrument in instruments] == [*range(len(instruments))]
    assert set(records["ts_event"]) == set(records["ts_init"]) == {5}


def test_an_unknown_instrument_has_no_row() -> None:
    """Asking for an unknown id is no error; asking for an unknown row is."""
    table = Instruments()

    assert table.row("ES.XCME") is None
    assert len(table) == 0
    with pytest.raises(IndexError):
        table[0]


def test_a_row_can_be_defined_again() -> None:
    """A later definition replaces the earlier one, its id too."""
    table = Instruments()
    table.add(0, Instrument(instrument_id="A.X"))
    table.add(0, Instrument(instrument_id="A.X", multiplier=5))
    table.add(0, Instrument(instrument_id="B.X"))

    assert len(table) == 1
    assert (table.row("A.X"), table.row("B.X")) == (None, 0)


@pytest.mark.parametrize(
    ("row", "instrument_id", "expected"),
    [(2, "C.X", 1), (1, "A.X", 0), (7, "A.X", 0)],
    ids=["a row is skipped", "an id moves", "an id moves far"],
)
def test_a_row_out_of_place_is_refused(row: int, instrument_id: str, expected: int) -> None:
    """Rows come in order and are never reused; the message names the one that was expected."""
    table = Instruments()
    table.add(0, Instrument(instrument_id="A.X"))

    with pytest.raises(ValueError, match=f"Expected row {expected} for {instrument_id}, got {row}"):
        table.add(row, Instrument(instrument_id=instrument_id))
    assert table.definitions() == [Instrument(instrument_id="A.X")]


def test_learning_nothing_changes_nothing() -> None:
    """A slice without definitions leaves the table alone."""
    table = Instruments()
    table.learn(np.zeros(0, to_records([], 0, 0).dtype))

    assert table.definitions() == []
