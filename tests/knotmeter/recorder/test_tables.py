"""Tables of a recording: what goes in comes out, field by field."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec
from bus.envelope import Cause, RawEvent
from bus.errors import DecodeError
from bus.messages.control import DeadLetter
from bus.records import KINDS, Records
from knotmeter.recorder import event_table, letter_table, market_table
from knotmeter.recorder.batch import Batch
from tests.bus.slices import contents, flow, flows, rows
from tests.knotmeter.recorder.traffic import DAY, START, event, event_row

INT64 = st.integers(-(2**63), 2**63 - 1)


def raw(**fields: Any) -> RawEvent:
    """An event as it is read."""
    given = {"source": "alpha", "sequence": 1, **fields}
    return codec.decode_envelope(codec.encode(event(**given)), "test")


@given(parts=st.lists(st.tuples(st.integers(0, 2**64 - 1), flows(min_size=1)), min_size=1, max_size=4))
def test_records_come_back_as_they_were(parts: list[tuple[int, Records]]) -> None:
    """Every field of every kind, with its epoch."""
    for kind in KINDS:
        slices = [(epoch, records[kind]) for epoch, records in parts if len(records[kind])]
        if not slices:
            continue
        table = market_table.table(kind, slices)
        found = [(epoch, row) for epoch, array in market_table.slices(kind, table) for row in rows(array)]

        assert table.schema == market_table.schema(kind)
        assert found == [(epoch, row) for epoch, array in slices for row in rows(array)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_record_is_a_column(kind: str) -> None:
    """Of its own type, in its order, behind the epoch; extreme values too."""
    dtype = KINDS[kind]
    records = np.frombuffer(b"\xff" * dtype.itemsize + b"\0" * dtype.itemsize, dtype)
    table = market_table.table(kind, [(1, records)])
    ((_, found),) = market_table.slices(kind, table)

    assert table.column_names == ["epoch", *(dtype.names or ())]
    assert found.tobytes() == records.tobytes()


def test_a_kind_without_rows_has_no_slices() -> None:
    """An empty table is no slice of any epoch."""
    table = market_table.table("trade", [(1, flow(["trade"])["trade"])]).slice(0, 0)

    assert list(market_table.slices("trade", table)) == []


events = st.builds(
    raw,
    source=st.text(min_size=1),
    type=st.text(min_size=1),
    version=INT64,
    epoch=INT64,
    sequence=INT64,
    ts_event=INT64,
    ts_publish=INT64,
    trace=st.none() | INT64,
    cause=st.none() | st.builds(Cause, st.text(), INT64),
    payload=st.dictionaries(st.text(), INT64 | st.text() | st.binary()),
)


@given(st.lists(events, min_size=1))
def test_events_come_back_as_they_were(given_events: list[RawEvent]) -> None:
    """Every field of the envelope, and the very bytes of the payload."""
    for one in given_events:
        event_table.check(one, "test")
    table = event_table.table(given_events)

    assert table.schema == event_table.SCHEMA
    assert list(map(event_row, event_table.events(table))) == list(map(event_row, given_events))


@pytest.mark.parametrize(
    "field", ["version", "epoch", "sequence", "ts_event", "ts_publish", "trace", "cause"]
)
def test_numbers_that_no_column_holds_are_refused(field: str) -> None:
    """They are rubbish, and must not stop a flush for good."""
    wrong: Any = Cause("md", 2**63) if field == "cause" else 2**63

    with pytest.raises(DecodeError, match="signed 64-bit numbers, got 9223372036854775808 - at here"):
        event_table.check(raw(**{field: wrong}), "here")


letters = st.builds(
    DeadLetter,
    producer=st.text(),
    producer_epoch=st.integers(0, 2**64 - 1),
    producer_sequence=st.integers(0, 2**64 - 1),
    message_type=st.text(),
    error=st.text(),
    content=st.binary(),
)


@given(st.lists(letters, min_size=1))
def test_letters_come_back_as_they_were(given_letters: list[DeadLetter]) -> None:
    """Entry id, error and content."""
    table = letter_table.table(given_letters)

    assert table.schema == letter_table.SCHEMA
    assert list(letter_table.letters(table)) == given_letters


@given(flows(min_size=1), st.integers(-3, 3), st.integers(-5, 5))
def test_a_slice_is_parted_at_midnight(records: Records, day: int, offset: int) -> None:
    """Each record goes to the day of its `ts_init`, whether the slice passes none, one or many midnights."""
    moved = {kind: array.copy() for kind, array in records}
    for array in moved.values():
        array["ts_init"] = (array["ts_init"] // 40 + day) * DAY + offset
    batch = Batch()
    batch.add_records(3, Records(moved))
    found: dict[str, list[Any]] = {}
    for folder, table in batch.tables():
        _, kind, date = folder.split("/")
        for epoch, array in market_table.slices(kind, table):
            assert epoch == 3
            assert {str(time) for time in array["ts_init"].astype("M8[ns]").astype("M8[D]")} == {
                date.removeprefix("date=")
            }
            found.setdefault(kind, []).extend(rows(array))

    assert found == contents(Records(moved))


def test_a_batch_knows_about_what_it_holds() -> None:
    """Bytes of records, and of events with their payloads."""
    batch = Batch()
    batch.add_records(1, flow(["trade", "quote"]))
    batch.add_event("events", raw(payload={"text": "x" * 10_000}))

    assert 48 + 64 + 10_000 < batch.n_bytes < 12_000
    assert [folder for folder, _ in batch.tables()] == [
        "market/trade/date=1970-01-01",
        "market/quote/date=1970-01-01",
        "events/date=2023-12-08",
    ]
    assert msgspec.msgpack.decode(raw(payload={"a": 1}).payload) == {"a": 1}
    assert START // DAY == 19_699
