"""Several files as one flow."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.records import Records
from services.marketdata.adapter import FileSettings
from shared.errors import DataError
from tests.services.marketdata.adapter.files import (
    START,
    dbn_head,
    dbn_rows,
    definitions,
    feed,
    read,
    rows_of,
    slices,
    write_csv,
    write_dbn,
    write_parquet,
)


def trades(folder: Path, name: str, times: list[int], symbols: list[str] | None = None) -> Path:
    """A file of trades at these times after the start, told apart by their sizes."""
    columns: dict[str, Any] = {
        "ts_event": START + np.array(times, np.int64),
        "price": np.ones(len(times)),
        "size": np.arange(len(times)) + 1,
    }
    if symbols is not None:
        columns["symbol"] = symbols
    return write_parquet(folder / name, **columns)


def quotes(folder: Path, name: str, times: list[int]) -> Path:
    """A file of quotes at these times after the start, told apart by their sizes."""
    n = len(times)
    stamps = START + np.array(times, np.int64)
    ones, counts = np.ones(n), np.arange(n) + 1
    return write_parquet(
        folder / name, ts_event=stamps, bid=ones, ask=ones * 2, bid_size=counts, ask_size=counts
    )


def test_files_merge_by_time_then_place_then_row(tmp_path: Path) -> None:
    """On equal times the file that was named first goes first, and rows keep their order."""
    first = trades(tmp_path, "a.parquet", [5, 5, 9])
    second = trades(tmp_path, "b.parquet", [1, 5, 9])

    records = read(
        FileSettings(path=str(first), instrument="A.X"), FileSettings(path=str(second), instrument="B.X")
    )

    assert [d.instrument_id for d in definitions(records)] == ["B.X", "A.X"]
    shown = [(int(r["ts_event"]) - START, int(r["instrument"]), int(r["size"])) for r in records.trade]
    assert shown == [(1, 0, 1), (5, 1, 1), (5, 1, 2), (5, 0, 2), (9, 1, 3), (9, 0, 3)]


def test_quotes_go_before_trades_of_their_time(tmp_path: Path) -> None:
    """A quote with a trade's own time stands when the trade happens, whichever file was named first."""
    paths = trades(tmp_path, "t.parquet", [5, 6]), quotes(tmp_path, "q.parquet", [5, 6])

    for order in (paths, paths[::-1]):
        records = read(*order, instrument="A.X")
        assert records.instrument["sequence"].tolist() == [1]
        assert records.quote["sequence"].tolist() == [2, 4]
        assert records.trade["sequence"].tolist() == [3, 5]


def test_an_instrument_of_two_files_is_one(tmp_path: Path) -> None:
    """Files of the same instrument share its row; it is defined once."""
    records = read(trades(tmp_path, "t.parquet", [7]), quotes(tmp_path, "q.parquet", [3]), instrument="A.X")

    assert len(records.instrument) == 1
    assert records.instrument["ts_init"].tolist() == [START + 3]
    assert records.trade["instrument"].tolist() == records.quote["instrument"].tolist() == [0]


def test_increments_that_contradict_are_refused(tmp_path: Path) -> None:
    """One instrument cannot be counted in two increments."""
    paths = [str(trades(tmp_path, name, [1])) for name in ("a.parquet", "b.parquet")]
    files = [
        FileSettings(path=path, size_increment=step) for path, step in zip(paths, (1.0, 0.1), strict=True)
    ]

    with pytest.raises(DataError, match=r"b\.parquet: expected sizes of A\.X in steps of 1 .*, found 0\.1"):
        read(*files, instrument="A.X")


def test_no_files_are_no_feed() -> None:
    """A feed without files is refused."""
    with pytest.raises(DataError, match="Expected at least one file to read, found none"):
        feed()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four files that hold every kind, share instruments and have times in common."""
    folder = tmp_path_factory.mktemp("feed")
    random = np.random.default_rng(11)
    rows = dbn_rows("mbp-1", 300)
    steps = np.sort(random.integers(0, 60, 300))
    rows["ts_recv"] = START + steps
    rows["action"] = random.choice(np.frombuffer(b"ATC", np.uint8), 300)
    rows["instrument_id"] = random.choice([118, 7, 9], 300)
    rows["bid_price"], rows["bid_size"] = 10**9, random.integers(0, 3, 300)
    rows["ask_price"], rows["ask_size"] = 2 * 10**9, 1
    bars = write_csv(
        folder / "bars.csv",
        "ts,symbol,open,high,low,close",
        *(f"{START + 10 * step},A,1,1,1,1" for step in range(6)),
    )
    symbols = [str(symbol) for symbol in random.choice(["A", "B", "C"], 200)]
    return [
        trades(folder, "a.parquet", np.sort(random.integers(0, 60, 200)).tolist(), symbols),
        bars,
        write_dbn(folder / "m.dbn.zst", dbn_head("mbp-1"), rows),
        quotes(folder, "q.parquet", np.sort(random.integers(0, 60, 100)).tolist()),
    ]


def small_blocks(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Have files read in blocks of this many rows."""
    for module in ("dbn_file", "parquet_file"):
        monkeypatch.setattr(f"services.marketdata.adapter.{module}.BLOCK_ROWS", rows)
    monkeypatch.setattr("services.marketdata.adapter.csv_file.BLOCK_BYTES", 40 * rows)


OPTIONS: dict[str, Any] = {
    "venue": "X",
    "bar_stamp": "close",
    "bar_seconds": 1e-8,
    "time_unit": "ns",
    "price_increment": 0.01,
}
"""The price increment is given, for it is found in an instrument's first block."""


def test_the_flow_is_in_order_and_numbered_without_holes(paths: list[Path]) -> None:
    """Ordinals are 1, 2, 3, …; times never decrease; an instrument is defined before its first record."""
    records = read(*paths, **OPTIONS)

    assert records.sequences().tolist() == list(range(1, len(records) + 1))
    flow = rows_of(records)
    times = [row[4] for row in flow]
    assert times == sorted(times)
    known: set[int] = set()
    for sequence, kind, *_ in flow:
        array = records[kind]
        record = array[array["sequence"].searchsorted(sequence)]
        assert kind == "instrument" or int(record["instrument"]) in known
        known.add(int(record["instrument"]))
    assert sorted(known) == list(range(len(records.instrument)))


def test_the_merge_is_a_sort(paths: list[Path]) -> None:
    """The flow is what a stable sort of all files' records by time gives, quote files first."""
    alone = [read(path, **OPTIONS) for path in (paths[3], paths[0], paths[1], paths[2])]
    expected = sorted(
        (
            (row[4], rank, row[0], row[1], row[3])
            for rank, records in enumerate(alone)
            for row in rows_of(records)
        )
    )
    expected = [entry for entry in expected if entry[3] != "instrument"]

    together = [row for row in rows_of(read(*paths, **OPTIONS)) if row[1] != "instrument"]

    assert [(row[4], row[1], row[3]) for row in together] == [(e[0], e[3], e[4]) for e in expected]


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_blocks_do_not_matter(paths: list[Path], monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """However the files are cut into blocks, the flow is the same."""
    whole = rows_of(read(*paths, **OPTIONS))

    small_blocks(monkeypatch, rows)

    assert rows_of(read(*paths, **OPTIONS)) == whole


@pytest.mark.parametrize("limit", [1, 2, 7, 64, 4_096])
def test_the_cut_does_not_matter(paths: list[Path], limit: int) -> None:
    """At any limit the slices are never longer, and joined they are the flow."""
    parts = list(slices(feed(*paths, **OPTIONS), limit))

    assert max(map(len, parts)) <= limit
    assert rows_of(Records.joined(parts)) == rows_of(read(*paths, **OPTIONS))


@settings(max_examples=40)
@given(data=st.data())
def test_any_entry_gives_the_tail(paths: list[Path], data: st.DataObject) -> None:
    """After `seek` a feed goes on as if it had been read so far, forwards and backwards, with any cut."""
    flow = rows_of(read(*paths, **OPTIONS))
    opened = feed(*paths, **OPTIONS)

    for place in data.draw(st.lists(st.integers(0, len(flow)), min_size=1, max_size=3)):
        opened.seek(place)
        found: list[tuple[Any, ...]] = []
        for limit in data.draw(st.lists(st.integers(1, 300), max_size=5)):
            found += rows_of(opened.read(limit))
        assert found == flow[place : place + len(found)]
    opened.close()


def test_entering_behind_the_end_is_refused(paths: list[Path]) -> None:
    """A checkpoint of other files is noticed."""
    with pytest.raises(
        DataError, match=r"expected at least 9999 records, found \d+\. The files are not those"
    ):
        feed(*paths, **OPTIONS).seek(9_999)


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 6), max_size=12).map(sorted).filter(bool), min_size=1, max_size=4),
    st.integers(1, 9),
)
def test_any_files_merge_as_a_sort(files: list[list[int]], limit: int) -> None:
    """Whatever the times, the flow is ordered by time, file and row."""
    with TemporaryDirectory() as folder:
        written = [
            FileSettings(path=str(trades(Path(folder), f"{place}.parquet", times)), instrument=f"I{place}.X")
            for place, times in enumerate(files)
        ]
        records = Records.joined(list(slices(feed(*written), limit)))

    names = [d.instrument_id for d in definitions(records)]
    shown = [(int(r["ts_init"]) - START, names[r["instrument"]], int(r["size"])) for r in records.trade]
    rows = [
        (time, f"I{place}.X", row + 1) for place, times in enumerate(files) for row, time in enumerate(times)
    ]
    assert shown == sorted(rows)


def test_a_failure_comes_after_the_records_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be read before a bad row is given at any limit; then the error is raised, again and again."""
    small_blocks(monkeypatch, 4)
    path = trades(tmp_path, "t.parquet", [0, 1, 2, 3, 4, 5, 4, 7])

    for limit in (1, 3, 100):
        opened, n_read = feed(path), 0
        while n_read < 5:
            n_read += len(opened.read(limit))
        assert n_read == 5
        for _ in range(2):
            with pytest.raises(DataError, match="row 7"):
                opened.read(limit)
