"""CSV files of Tardis: changes and pictures of books, trades and quotes."""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BookAction, Flag
from bus.records import Records
from services.marketdata.adapter import inspect, tardis_file
from shared.errors import DataError
from tests.services.marketdata.adapter.files import definitions, feed, read, rows_of, write_csv

STAMPS = "exchange,symbol,timestamp,local_timestamp"
CHANGES = f"{STAMPS},is_snapshot,side,price,amount"
PICTURES = f"{STAMPS},asks[0].price,asks[0].amount,bids[0].price,bids[0].amount" + (
    ",asks[1].price,asks[1].amount,bids[1].price,bids[1].amount"
)
TRADES = f"{STAMPS},id,side,price,amount"
SNAPSHOT, LAST = int(Flag.SNAPSHOT), int(Flag.LAST)
CLEAR, SET = int(BookAction.CLEAR), int(BookAction.SET)

Row = tuple[str, int, int, str, str, str, str]
"""Symbol, both times in us, whether in a snapshot, side, price, amount."""


def change(row: Row) -> str:
    """A line of a file of changes."""
    symbol, time, local, *rest = row
    return ",".join(["deribit", symbol, str(time), str(local), *rest])


def told(records: Records) -> list[tuple[Any, ...]]:
    """Levels in natural units."""
    known = definitions(records)
    return [
        (
            known[one["instrument"]].instrument_id,
            int(one["ts_event"]) // 1_000,
            int(one["ts_init"]) // 1_000,
            int(one["action"]),
            int(one["side"]),
            Decimal(int(one["price"])) / 10**9,
            Decimal(int(one["size"])) * known[one["instrument"]].size_increment / 10**9,
            int(one["flags"]),
        )
        for one in records["level"]
    ]


def plain(rows: list[Row]) -> list[tuple[Any, ...]]:
    """What rows of changes give, one at a time."""
    found: list[tuple[Any, ...]] = []
    was_snapshot: dict[str, bool] = {}
    for index, (symbol, time, local, snapshot, side, price, amount) in enumerate(rows):
        in_snapshot = snapshot == "true"
        flags = SNAPSHOT if in_snapshot else 0
        stamp = (f"{symbol}.DERIBIT", time, local)
        if in_snapshot and not was_snapshot.get(symbol):
            found.append((*stamp, CLEAR, 0, Decimal(0), Decimal(0), flags))
        was_snapshot[symbol] = in_snapshot
        if index + 1 == len(rows) or rows[index + 1][:4] != rows[index][:4]:
            flags |= LAST
        sign = 1 if side == "bid" else -1
        found.append((*stamp, SET, sign, Decimal(price), Decimal(amount), flags))
    return found


FLOW: list[Row] = [
    ("A", 1_000, 2_000, "true", "bid", "10.5", "3"),
    ("A", 1_000, 2_000, "true", "ask", "11", "0.25"),
    ("A", 1_500, 2_500, "false", "bid", "10.5", "0"),
    ("A", 1_500, 2_500, "false", "bid", "10", "7"),
    ("B", 1_500, 2_500, "false", "ask", "0.000000001", "1"),
    ("A", 1_500, 2_500, "true", "ask", "12", "1"),
    ("A", 1_600, 2_600, "true", "ask", "13", "1"),
]


def test_changes_are_levels(tmp_path: Path) -> None:
    """Rows set levels; a snapshot begins with a clear; the last row of one time ends an event."""
    path = write_csv(tmp_path / "t.csv.gz", CHANGES, *map(change, FLOW))

    records = read(path)

    assert told(records) == plain(FLOW)
    assert [row[-1] for row in told(records)] == [
        *(SNAPSHOT, SNAPSHOT, SNAPSHOT | LAST, 0, LAST, LAST),
        *(SNAPSHOT, SNAPSHOT | LAST, SNAPSHOT | LAST),
    ]
    assert [one.size_increment for one in definitions(records)] == [10_000_000, 10**9]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(0, 1),
            st.sampled_from(("true", "false")),
            st.sampled_from(("bid", "ask")),
            st.integers(0, 999).map(lambda value: f"{value / 100:.2f}"),
            st.integers(0, 99).map(lambda value: f"{value / 10:.1f}"),
        ),
        min_size=1,
        max_size=60,
    ),
    block_bytes=st.integers(120, 900),
)
def test_any_block_size_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]], block_bytes: int
) -> None:
    """Random rows, read in blocks of any size, are those of a plain decoder."""
    local = 10**15
    flow: list[Row] = []
    for symbol, step, snapshot, side, price, amount in rows:
        local += step
        flow.append((symbol, local - 5, local, snapshot, side, price, amount))
    path = write_csv(tmp_path_factory.getbasetemp() / "changes.csv", CHANGES, *map(change, flow))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tardis_file, "BLOCK_BYTES", block_bytes)
        assert told(read(path)) == plain(flow)


def test_pictures_are_snapshots(tmp_path: Path) -> None:
    """Each row clears the book and sets the levels that it has."""
    lines = ("x,A,1000,2000,11,1,10,2,12,3,9,4", "x,A,1001,2001,11,1.5,,,,,,", "x,A,1002,2002,,,,,,,,")

    records = read(write_csv(tmp_path / "t.csv", PICTURES, *lines))

    assert [(row[3], row[4], float(row[5]), float(row[6]), row[7]) for row in told(records)] == [
        (CLEAR, 0, 0, 0, SNAPSHOT),
        (SET, 1, 10, 2, SNAPSHOT),
        (SET, 1, 9, 4, SNAPSHOT),
        (SET, -1, 11, 1, SNAPSHOT),
        (SET, -1, 12, 3, SNAPSHOT | LAST),
        (CLEAR, 0, 0, 0, SNAPSHOT),
        (SET, -1, 11, 1.5, SNAPSHOT | LAST),
        (CLEAR, 0, 0, 0, SNAPSHOT | LAST),
    ]
    assert definitions(records)[0].instrument_id == "A.X"


def test_trades_and_quotes_have_ids_of_symbol_and_exchange(market_data: Path) -> None:
    """Ten trades and ten quotes, with sides and the exchange as venue."""
    folder = market_data / "crypto_ws"
    trades = read(folder / "bitmex_trades_XBTUSD.csv.gz")
    quotes = read(folder / "huobi-dm-swap_quotes_BTC-USD.csv.gz")

    assert [one.instrument_id for one in definitions(trades)] == ["XBTUSD.BITMEX"]
    assert trades.trade["aggressor_side"].tolist() == [-1] * 10
    assert trades.trade["ts_init"][0] == 1_583_020_803_307_160_000
    assert [one.instrument_id for one in definitions(quotes)] == ["BTC-USD.HUOBI-DM-SWAP"]
    assert quotes.quote[["bid_price", "bid_size", "ask_price", "ask_size"]][0].tolist() == (
        *(8_629_200_000_000, 806),
        *(8_629_300_000_000, 5_494),
    )


def test_the_deribit_file(market_data: Path) -> None:
    """Every row of the snapshot, as the standard library reads it."""
    path = market_data / "crypto_ws/deribit_incremental_book_L2_BTC-PERPETUAL.csv.gz"
    with gzip.open(path, "rt") as file:
        lines = list(csv.reader(file))[1:]
    rows: list[Row] = [(row[1], int(row[2]), int(row[3]), row[4], row[5], row[6], row[7]) for row in lines]

    assert told(read(path)) == plain(rows)
    assert len(rows) == 15


def test_the_binance_file(market_data: Path) -> None:
    """Ten pictures of 25 levels a side, as the standard library reads them."""
    path = market_data / "crypto_ws/binance-futures_book_snapshot_25_BTCUSDT.csv.gz"
    with gzip.open(path, "rt") as file:
        lines = list(csv.DictReader(file))

    found = [(row[4], row[5], row[6]) for row in told(read(path)) if row[3] == SET]

    assert found == [
        (sign, Decimal(line[f"{side}[{level}].price"]), Decimal(line[f"{side}[{level}].amount"]))
        for line in lines
        for side, sign in (("bids", 1), ("asks", -1))
        for level in range(25)
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "x,A,1000,2000,maybe,bid,1,1",
            r"row 2, column `is_snapshot`: expected true or false, found 'maybe'",
        ),
        ("x,A,1000,2000,true,buy,1,1", r"row 2, column `side`: expected bid or ask, found 'buy'"),
        ("x,A,1000,2000,true,bid,,1", r"row 2, column `price`: expected a price .*found no value"),
        ("x,A,1000,2000,true,bid,1,-1", r"row 2, column `amount`: expected a finite size"),
        ("x,A,1000,2000,true,bid,one,1", r"row 2, column `price`: expected a number, found 'one'"),
        ("x,A,1000,,true,bid,1,1", r"row 2, column `local_timestamp`: expected us since 1970.*no value"),
        ("x,A,1000,1999,true,bid,1,1", r"row 2: expected times that never decrease"),
        (
            "y,A,1000,2000,true,bid,1,1",
            r"row 2, column `exchange`: expected `x`, as in the first row, found 'y'",
        ),
        ("x,,1000,2000,true,bid,1,1", r"row 2, column `symbol`: expected a symbol, found no value"),
        ("x,A,1000,2000,true,bid,1", r"row 2: expected 8 columns, found 7"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    """A value that cannot be is refused with its row and column."""
    path = write_csv(tmp_path / "t.csv", CHANGES, "x,A,1000,2000,true,bid,1,1", line)

    with pytest.raises(DataError, match=message):
        read(path)


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    """A file needs a row."""
    with pytest.raises(DataError, match="expected at least one row, found none"):
        feed(write_csv(tmp_path / "t.csv", CHANGES))


@pytest.mark.parametrize("header", [CHANGES, TRADES])
def test_a_kind_that_it_has_not_is_refused(tmp_path: Path, header: str) -> None:
    """A file of one thing is not read as another."""
    row = "x,A,1000,2000,true,bid,1,1" if header == CHANGES else "x,A,1000,2000,1,buy,1,1"
    with pytest.raises(DataError, match="expected records of kind quote, found"):
        feed(write_csv(tmp_path / "t.csv", header, row), kind="quote")


def test_it_can_be_read_as_any_csv(tmp_path: Path) -> None:
    """With the format set to CSV the columns are found by their names."""
    path = write_csv(tmp_path / "t.csv", TRADES, "x,A,1000000000000000,1000000000000001,1,buy,1,1")

    assert definitions(read(path))[0].instrument_id == "A.X"
    assert definitions(read(path, format="csv"))[0].instrument_id == "A.FILE"


def test_what_inspection_says_reads_the_file_alike(tmp_path: Path) -> None:
    """Format, kind and columns are told, and reading as told gives the same records."""
    files = [
        write_csv(tmp_path / "c.csv", CHANGES, *map(change, FLOW)),
        write_csv(tmp_path / "p.csv", PICTURES, "x,A,1000,2000,11,1,10,2,12,3,9,4"),
        write_csv(tmp_path / "t.csv", TRADES, "x,A,1000,2000,1,buy,1,1"),
    ]

    for path in files:
        found = inspect(str(path))
        assert (found.format, found.problems) == ("tardis", ())
        assert rows_of(read(found.settings)) == rows_of(read(path))
        assert {use.name: use.field for use in found.columns}["symbol"] == "instrument"


def test_a_book_merges_with_trades(tmp_path: Path) -> None:
    """Changes and trades of one instrument are one flow in the order of arrival."""
    book = write_csv(tmp_path / "c.csv", CHANGES, *map(change, FLOW[:4]))
    trades = write_csv(tmp_path / "t.csv", TRADES, "deribit,A,1000,2400,1,buy,11,0.5")

    records = read(trades, book)

    assert len(records.instrument) == 1
    assert records.trade["sequence"].tolist() == [5]
    assert records["level"]["sequence"].tolist() == [2, 3, 4, 6, 7]
