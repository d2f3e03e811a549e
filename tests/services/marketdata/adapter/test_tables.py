"""Trades, quotes and bars from CSV and Parquet."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bus.record_codes import AggressorSide, BarBasis, BarOrigin, Flag, SideOrigin
from services.marketdata.adapter import FileSettings
from services.marketdata.adapter.detect import open_source
from services.marketdata.adapter.source import BLOCK_ROWS
from tests.services.marketdata.adapter.files import START, definitions, feed, read, write_csv, write_parquet


def test_trades_of_a_plain_csv(tmp_path: Path) -> None:
    """Times, prices, sizes and sides of a CSV become trades behind their instrument."""
    path = write_csv(
        tmp_path / "t.csv",
        "timestamp,price,size,side",
        "2023-11-14T22:13:20Z,100.25,3,buy",
        "2023-11-14T22:13:20.5Z,100.5,1,SELL",
        "2023-11-14T22:13:21Z,100.5,2,",
    )

    records = read(path, instrument="ES.XCME")

    assert [(d.instrument_id, d.price_increment, d.size_increment) for d in definitions(records)] == [
        ("ES.XCME", 250_000_000, 1_000_000_000)
    ]
    assert records.instrument["sequence"].tolist() == [1]
    assert records.instrument["ts_init"].tolist() == [START]
    trades = records.trade
    assert trades["sequence"].tolist() == [2, 3, 4]
    assert trades["ts_event"].tolist() == [START, START + 500_000_000, START + 1_000_000_000]
    assert trades["ts_init"].tolist() == trades["ts_event"].tolist()
    assert trades["price"].tolist() == [100_250_000_000, 100_500_000_000, 100_500_000_000]
    assert trades["size"].tolist() == [3, 1, 2]
    assert trades["aggressor_side"].tolist() == [
        AggressorSide.BUYER,
        AggressorSide.SELLER,
        AggressorSide.NONE,
    ]
    assert trades["side_origin"].tolist() == [SideOrigin.REPORTED, SideOrigin.REPORTED, SideOrigin.NONE]


@pytest.mark.parametrize("name", ["odd.csv", "odd.csv.gz"])
def test_oddly_named_columns_naive_times_and_another_zone(tmp_path: Path, name: str) -> None:
    """Columns are mapped by the settings and times without a zone read in the zone of the settings."""
    path = write_csv(
        tmp_path / name,
        "Zeit;Kurs;Stück;Bemerkung",
        "14.11.2023 16:13:20.25;100.1;5;x",
        "14.11.2023 16:13:21;99.9;7;y",
    )

    records = read(
        path,
        columns={"ts_event": "Zeit", "price": "Kurs", "size": "Stück"},
        delimiter=";",
        time_zone="America/Chicago",
        time_format="%d.%m.%Y %H:%M:%S.%f",
        instrument="ES.XCME",
    )

    assert records.trade["ts_event"].tolist() == [START + 250_000_000, START + 1_000_000_000]
    assert records.trade["price"].tolist() == [100_100_000_000, 99_900_000_000]
    assert definitions(records)[0].time_zone == "America/Chicago"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_delimiter_is_found_in_the_header_line(tmp_path: Path, delimiter: str, suffix: str) -> None:
    """A file that is separated otherwise than by commas needs no setting for it."""
    lines = ["timestamp,price,size,note", "1700000000,100.5,2,x", "1700000001,100.25,1,y"]
    path = write_csv(tmp_path / f"trades.csv{suffix}", *(line.replace(",", delimiter) for line in lines))

    assert read(path).trade["price"].tolist() == [100_500_000_000, 100_250_000_000]


def test_a_parquet_file_with_odd_names_and_naive_times(tmp_path: Path) -> None:
    """What a CSV can be, a Parquet can be; its own types need no settings."""
    times = [datetime(2023, 7, 3, 9, 30, second) for second in (0, 1)]  # noqa: DTZ001 - naive on purpose
    path = write_parquet(
        tmp_path / "odd.parquet",
        When=times,
        Px_Last=[10.5, 10.75],
        N=pa.array([1, 2], pa.uint32()),
        Px_High=[1.0, 1.0],
    )
    columns = {"ts_event": "When", "price": "Px_Last", "size": "N"}

    records = read(path, columns=columns, time_zone="America/New_York")

    expected = datetime(2023, 7, 3, 13, 30, tzinfo=UTC).timestamp() * 1e9
    assert records.trade["ts_event"].tolist() == [expected, expected + 1e9]
    assert records.trade["size"].tolist() == [1, 2]


def test_naive_times_are_read_as_utc_and_the_user_is_told(tmp_path: Path) -> None:
    """A feed says which zone it has assumed, and which setting would say another."""
    path = write_csv(tmp_path / "t.csv", "time,price,size", "2023-11-14 22:13:20,1,1")

    opened = feed(path)

    assert opened.read(10).trade["ts_event"].tolist() == [START]
    assert opened.notes[0] == f"Times in {path} name no zone; read as UTC (set `marketdata.time_zone`)."
    assert feed(path, time_zone="UTC", instrument="X.Y").notes == []


def test_instruments_of_a_symbol_column(tmp_path: Path) -> None:
    """Every symbol is an instrument, defined right before its first record and with that record's time."""
    path = write_csv(
        tmp_path / "t.csv",
        "ts_event,symbol,price,size",
        f"{START},AAPL,10,1",
        f"{START + 1},IBM,20,1",
        f"{START + 2},AAPL,11,1",
        f"{START + 3},BRK.A,30,1",
    )

    records = read(path, venue="XNAS")

    assert [d.instrument_id for d in definitions(records)] == ["AAPL.XNAS", "IBM.XNAS", "BRK.A.XNAS"]
    assert records.instrument["sequence"].tolist() == [1, 3, 6]
    assert records.instrument["ts_init"].tolist() == [START, START + 1, START + 3]
    assert records.trade["sequence"].tolist() == [2, 4, 5, 7]
    assert records.trade["instrument"].tolist() == [0, 1, 0, 2]


def test_a_file_without_symbols_is_named_for_itself(tmp_path: Path) -> None:
    """Without any name the file's own is taken, with a venue that says so, and the user is told."""
    path = write_csv(tmp_path / "my_ticks.csv", "ts_event,price,size", f"{START},10,1")

    opened = feed(path)

    assert [d.instrument_id for d in definitions(opened.read(5))] == ["MY_TICKS.FILE"]
    assert "`MY_TICKS.FILE`" in opened.notes[0]


@pytest.mark.parametrize(
    ("sizes", "increment", "counts"),
    [
        (["1", "2", "30"], 1_000_000_000, [1, 2, 30]),
        (["1", "0.5", "26.062"], 1_000_000, [1_000, 500, 26_062]),
        (["0.00000001", "1", "2"], 10, [1, 100_000_000, 200_000_000]),
    ],
)
def test_the_size_increment_is_found(
    tmp_path: Path, sizes: list[str], increment: int, counts: list[int]
) -> None:
    """Sizes with decimals are counted in the largest power of ten that divides them all, exactly."""
    lines = [f"{START},10,{size}" for size in sizes]
    path = write_csv(tmp_path / "t.csv", "ts_event,price,qty", *lines)

    records = read(path)

    assert definitions(records)[0].size_increment == increment
    assert records.trade["size"].tolist() == counts


def test_decimals_in_the_last_row_count(tmp_path: Path) -> None:
    """The increment is found over the whole file, not over its beginning."""
    sizes = np.ones(70_000)
    sizes[-1] = 0.25
    path = write_parquet(tmp_path / "t.parquet", ts_event=START + np.arange(70_000), price=sizes, size=sizes)

    records = read(path)

    assert definitions(records)[0].size_increment == 10_000_000
    assert records.trade["size"][[0, -1]].tolist() == [100, 25]


def test_files_of_one_instrument_count_sizes_alike(tmp_path: Path) -> None:
    """Two files of an instrument are counted in the finer of their increments."""
    coarse = write_parquet(tmp_path / "a.parquet", ts_event=[START], price=[1.0], size=[3])
    fine = write_csv(tmp_path / "b.csv", "ts_event,bid,ask,bid_size,ask_size", f"{START},1,2,0.5,1.5")

    records = read(coarse, fine, instrument="X.Y")

    assert len(records.instrument) == 1
    assert definitions(records)[0].size_increment == 100_000_000
    assert records.trade["size"].tolist() == [30]
    assert records.quote[["bid_size", "ask_size"]].tolist() == [(5, 15)]


def test_set_increments_and_multipliers(tmp_path: Path) -> None:
    """Prices and sizes can be scaled, and increments given."""
    path = write_csv(tmp_path / "t.csv", "ts_event,price,size", f"{START},1000050,2")

    records = read(
        path, price_multiplier=1e-4, size_multiplier=100.0, size_increment=10.0, price_increment=0.01
    )

    assert records.trade[["price", "size"]].tolist() == [(100_005_000_000, 20)]
    assert definitions(records)[0].size_increment == 10_000_000_000
    assert definitions(records)[0].price_increment == 10_000_000


def test_receipt_times_order_the_flow(tmp_path: Path) -> None:
    """Where a file has receipt times they are ``ts_init``, and event times may go back."""
    path = write_csv(
        tmp_path / "t.csv",
        "ts_recv,ts_event,price,size",
        f"{START + 9},{START + 5},1,1",
        f"{START + 9},{START},1,1",
    )

    trades = read(path).trade

    assert trades["ts_init"].tolist() == [START + 9, START + 9]
    assert trades["ts_event"].tolist() == [START + 5, START]


def test_quotes_with_absent_sides_and_crossed_ones(tmp_path: Path) -> None:
    """A side without price or size is 0 in both; bid at or above ask is flagged."""
    path = write_csv(
        tmp_path / "q.csv",
        "ts_event,bid_px,bid_sz,ask_px,ask_sz",
        f"{START},10,5,11,6",
        f"{START},,5,11,6",
        f"{START},10,0,11,6",
        f"{START},11,5,11,6",
        f"{START},12,5,0,0",
    )

    quotes = read(path).quote

    shown = quotes[["bid_price", "bid_size", "ask_price", "ask_size"]].tolist()
    bid, ask, top = 10_000_000_000, 11_000_000_000, 12_000_000_000
    assert shown == [(bid, 5, ask, 6), (0, 0, ask, 6), (0, 0, ask, 6), (ask, 5, ask, 6), (top, 5, 0, 0)]
    assert quotes["flags"].tolist() == [0, 0, 0, Flag.CROSSED, 0]


def test_quotes_without_sizes(tmp_path: Path) -> None:
    """A quote of which no sizes are known keeps its prices; its sizes are 0."""
    path = write_csv(
        tmp_path / "q.csv", "timestamp,bid,ask", "2013-01-01 22:00:00.295000+00:00,86.655,86.728"
    )

    quotes = read(path).quote

    assert quotes[["bid_price", "bid_size", "ask_price", "ask_size"]].tolist() == [
        (86_655_000_000, 0, 86_728_000_000, 0)
    ]


def test_bars_are_seen_at_their_close(tmp_path: Path) -> None:
    """A bar stamped at its open is seen a bar later, so that nothing is known before it has happened."""
    path = write_csv(
        tmp_path / "b.csv",
        "date,open,high,low,close,volume,trades",
        "2023-11-13,10,12,9,11,100,7",
        "2023-11-14,11,11,11,11,50,1",
        "2023-11-16,11,13,10,12,60,2",
    )

    opened = feed(path, time_zone="UTC", instrument="X.Y")
    bars = opened.read(10).bar

    day = 86_400_000_000_000
    opens = np.array(["2023-11-13", "2023-11-14", "2023-11-16"], "M8[ns]").astype(np.int64)
    assert bars["ts_open"].tolist() == opens.tolist()
    assert bars["ts_event"].tolist() == bars["ts_init"].tolist() == (opens + day).tolist()
    assert bars["high"].tolist() == [12_000_000_000, 11_000_000_000, 13_000_000_000]
    assert bars[["volume", "n_trades", "step"]].tolist() == [(100, 7, day), (50, 1, day), (60, 2, day)]
    assert set(bars["basis"]) == {BarBasis.TIME}
    assert set(bars["origin"]) == {BarOrigin.IMPORTED}
    assert opened.notes == [
        f"Bars in {path} are 86400 s long, stamped at their open "
        "(set `marketdata.bar_seconds`, `marketdata.bar_stamp`)."
    ]


def test_bars_stamped_at_their_close(tmp_path: Path) -> None:
    """With ``bar_stamp`` at the close the file's times are the closes."""
    path = write_csv(tmp_path / "b.csv", "time,o,h,l,c,v", f"{START},1,1,1,1,1")

    bars = read(path, bar_stamp="close", bar_seconds=60.0).bar

    assert bars[["ts_open", "ts_event"]].tolist() == [(START - 60_000_000_000, START)]


def test_daily_bars_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    """Local days of 23 and 25 hours are days."""
    days = ["2023-11-04", "2023-11-05", "2023-11-06"]
    path = write_csv(tmp_path / "b.csv", "date,open,high,low,close", *(f"{day},1,1,1,1" for day in days))

    bars = read(path, time_zone="America/New_York").bar

    assert set(bars["step"]) == {86_400_000_000_000}


@pytest.mark.parametrize(
    ("column", "values", "sides"),
    [
        ("side", ["B", "A", "N"], [1, -1, 0]),
        ("side", ["b", "s", ""], [1, -1, 0]),
        ("side", [1, -1, 0], [1, -1, 0]),
        ("taker_side", ["BUY", "SELL", None], [1, -1, 0]),
        ("is_buyer_maker", [True, False, None], [-1, 1, 0]),
        ("m", ["true", "FALSE", None], [-1, 1, 0]),
    ],
)
def test_words_for_sides(tmp_path: Path, column: str, values: list[object], sides: list[int]) -> None:
    """The usual words mean the side that took liquidity; a buyer who was the maker means a seller."""
    times = [START, START, START]
    path = write_parquet(
        tmp_path / "t.parquet", ts_event=times, price=[1.0] * 3, size=[1] * 3, **{column: values}
    )

    assert read(path).trade["aggressor_side"].tolist() == sides


def test_day_and_time_of_day_in_two_columns(tmp_path: Path) -> None:
    """Times are put together from two columns, of text or of their own types."""
    text = write_csv(tmp_path / "t.csv", "Date,Time,Price,Volume", "20231114,22:13:20.5,1,1")
    typed = write_parquet(
        tmp_path / "t.parquet",
        Date=[date(2023, 11, 14)],
        Time=[time(22, 13, 20, 500_000)],
        Price=[1.0],
        Volume=[1],
    )

    for path in (text, typed):
        assert read(path).trade["ts_event"].tolist() == [START + 500_000_000]


def test_a_csv_without_a_header(tmp_path: Path) -> None:
    """Columns of a file without a header line are named in the settings."""
    path = write_csv(tmp_path / "t.csv", f"{START},10,1", f"{START},11,2")

    trades = read(path, column_names=("ts_event", "price", "size")).trade

    assert trades["size"].tolist() == [1, 2]


def test_settings_of_a_file_stand_above_those_of_all(tmp_path: Path) -> None:
    """Each file may be read in its own way; defaults fill what it leaves open."""
    path = str(write_csv(tmp_path / "t.csv", "ts_event,a,b,c", f"{START},10,20,1"))
    defaults = {"price": "a", "size": "c"}
    other = FileSettings(path=path, columns={"price": "b"}, instrument="B.Y")

    records = read(FileSettings(path=path), other, columns=defaults, instrument="A.Y")

    assert [d.instrument_id for d in definitions(records)] == ["A.Y", "B.Y"]
    assert records.trade["price"].tolist() == [10_000_000_000, 20_000_000_000]


def test_dictionary_and_large_text_columns(tmp_path: Path) -> None:
    """Text of any Arrow type is text."""
    symbols = pa.array(["A", "B", "A"]).dictionary_encode()
    times = pa.array(["2023-11-14T22:13:20Z"] * 3, pa.large_string())
    path = write_parquet(tmp_path / "t.parquet", time=times, symbol=symbols, price=[1.0] * 3, size=[1] * 3)

    assert read(path, venue="X").trade["instrument"].tolist() == [0, 1, 0]


def test_files_are_read_in_blocks(tmp_path: Path) -> None:
    """However long a file is, no more than a block of it is at hand, so that memory is bounded."""
    n = 3 * BLOCK_ROWS
    path = write_parquet(tmp_path / "t.parquet", ts_event=[START] * n, price=np.ones(n), size=[1] * n)

    lengths = [len(block) for block in open_source(FileSettings(path=str(path))).blocks()]

    assert max(lengths) <= BLOCK_ROWS
    assert sum(lengths) == n


def test_the_number_of_records_and_progress(tmp_path: Path) -> None:
    """A Parquet says how many records will come; progress goes from 0 to 1."""
    path = write_parquet(tmp_path / "t.parquet", ts_event=[START] * 5, price=[1.0] * 5, size=[1] * 5)

    opened = feed(path)

    assert (opened.n_records, opened.progress) == (6, 0.0)
    assert len(opened.read(100)) == 6
    assert opened.progress == 1.0
    assert feed(write_csv(tmp_path / "t.csv", "ts_event,price,size", f"{START},1,1")).n_records is None
