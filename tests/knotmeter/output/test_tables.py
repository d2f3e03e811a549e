"""Parquet tables from a log: in slices of bounded length, whatever the log's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from bus.envelope import Event
from bus.records import Records
from knotmeter.output import tables
from knotmeter.output.folder import OutputFolder
from knotmeter.output.recording import Recording
from shared.instruments import Instrument, to_records
from tests.fleet.toys import ANSWER, ASK, Answer, Ask


def say(sequence: int, payload: msgspec.Struct, name: str) -> Event[Any]:
    """An event of the log."""
    return Event(
        type=name,
        version=1,
        source="s",
        epoch=1,
        sequence=sequence,
        ts_event=sequence,
        ts_publish=0,
        payload=payload,
    )


@pytest.mark.parametrize("n_events", [0, 1, 4, 5, 11])
def test_tables_are_written_a_slice_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_events: int
) -> None:
    """Row groups have the stated length, and no row is lost at their edges."""
    monkeypatch.setattr(tables, "ROW_GROUP", 4)
    with OutputFolder(tmp_path / "OUT") as folder:
        folder.begin()
        recording = Recording(folder)
        for number in range(n_events):
            recording.event(say(number, Ask(number, 0, 0), "ask"))
            recording.event(say(number, Answer(number, 0), "answer"))
        folder.close_files()
        tables.write_event_tables(folder, [ASK, ANSWER])
        folder.finish()

    file = pq.ParquetFile(tmp_path / "OUT" / "ask.parquet")
    assert file.read(["n_trades"])["n_trades"].to_pylist() == list(range(n_events))
    assert file.num_row_groups == -(-n_events // 4)
    assert recording.counts == ({"ask": n_events, "answer": n_events} if n_events else {})


def test_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """An event's type is compared whole."""
    with OutputFolder(tmp_path / "OUT") as folder:
        folder.begin()
        recording = Recording(folder)
        recording.event(say(1, Answer(1, 0), "ask_more"))
        recording.event(say(2, Ask(2, 0, 0), "ask"))
        folder.close_files()
        tables.write_event_tables(folder, [ASK])
        assert pq.read_table(folder.path("ask.parquet"))["sequence"].to_pylist() == [2]


def test_a_kind_that_did_not_occur_has_no_table(tmp_path: Path) -> None:
    """Instruments alone leave one table, and no raw records beside it."""
    records = to_records([Instrument(instrument_id="A.B")], 0, 5)
    with OutputFolder(tmp_path / "OUT") as folder:
        folder.begin()
        Recording(folder).records(Records({"instrument": records}))
        folder.close_files()
        tables.write_market_tables(folder)
        folder.finish()

    assert sorted(path.name for path in (tmp_path / "OUT").iterdir()) == [
        "events.jsonl",
        "instrument.parquet",
    ]


def test_without_a_folder_events_are_just_counted() -> None:
    """A run that keeps nothing still knows what was said."""
    recording = Recording(None, {"ask": 5})
    recording.event(say(1, Ask(1, 0, 0), "ask"))
    recording.records(Records({}))

    assert recording.counts == {"ask": 6}
