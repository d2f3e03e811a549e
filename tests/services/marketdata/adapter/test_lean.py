"""Lean tick zips."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from bus.record_codes import Flag
from services.marketdata.adapter import lean_file
from shared.errors import DataError
from tests.services.marketdata.adapter.files import definitions, feed, read, write_lean

NOON_IN_NEW_YORK = int(datetime(2013, 10, 8, 16, tzinfo=UTC).timestamp()) * 1_000_000_000
NOON = 43_200_000
"""Milliseconds."""
MEMBER = "20131008_ibm_Trade_Tick.csv"
QUOTES = "20131008_ibm_Quote_Tick.csv"


def test_trades(tmp_path: Path) -> None:
    """Times are New York's, prices in 1e-4; a suspicious trade is kept and flagged."""
    path = write_lean(
        tmp_path,
        "ibm_20131008_trade.zip",
        MEMBER,
        f"{NOON},1821000,300,P,2000,0",
        f"{NOON + 1},1820600,100,D,0,1",
    )

    records = read(path)

    found = definitions(records)[0]
    assert (found.instrument_id, found.time_zone, found.price_increment) == (
        "IBM.USA",
        "America/New_York",
        10_000_000,
    )
    assert records.trade[["ts_event", "ts_init", "price", "size", "flags"]].tolist() == [
        (NOON_IN_NEW_YORK, NOON_IN_NEW_YORK, 182_100_000_000, 300, 0),
        (NOON_IN_NEW_YORK + 1_000_000, NOON_IN_NEW_YORK + 1_000_000, 182_060_000_000, 100, Flag.SUSPICIOUS),
    ]


def test_quotes_are_made_of_their_sides(tmp_path: Path) -> None:
    """A bid row and the ask row behind it of the same time are one update; unchanged ones are left out."""
    path = write_lean(
        tmp_path,
        "ibm_20131008_quote.zip",
        QUOTES,
        f"{NOON},1800000,200,0,0,P,1,0",
        f"{NOON},0,0,1801000,100,Q,1,0",
        f"{NOON + 1},1800000,200,0,0,K,1,0",
        f"{NOON + 1},0,0,1801000,100,P,1,0",
        f"{NOON + 2},1801000,100,0,0,P,1,1",
        f"{NOON + 3},0,0,1802000,100,P,1,0",
        f"{NOON + 4},0,0,1803000,0,P,1,0",
    )

    quotes = read(path).quote

    def dollars(ticks: int) -> int:
        return ticks * 10_000_000

    assert ((quotes["ts_event"] - NOON_IN_NEW_YORK) // 1_000_000).tolist() == [0, 2, 3, 4]
    assert quotes[["bid_price", "bid_size", "ask_price", "ask_size"]].tolist() == [
        (dollars(18_000), 200, dollars(18_010), 100),
        (dollars(18_010), 100, dollars(18_010), 100),
        (dollars(18_010), 100, dollars(18_020), 100),
        (dollars(18_010), 100, 0, 0),
    ]
    suspicious = Flag.SUSPICIOUS
    assert quotes["flags"].tolist() == [0, suspicious | Flag.CROSSED, suspicious, suspicious]


def test_a_bid_at_the_end_waits_for_no_ask(tmp_path: Path) -> None:
    """The last row's side is given even if its other side never comes."""
    path = write_lean(tmp_path, "ibm_20131008_quote.zip", QUOTES, f"{NOON},1800000,200,0,0,P,1,0")

    assert read(path).quote[["bid_price", "ask_price"]].tolist() == [(180_000_000_000, 0)]


def test_blocks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the text is cut into blocks, between a bid and its ask too, the quotes are the same."""
    random = np.random.default_rng(7)
    lines = []
    for step in range(500):
        bid, size = random.integers(1_000, 1_003), random.integers(1, 3)
        lines.append(f"{NOON + step // 2},{bid},{size},0,0,P,1,0")
        lines.append(f"{NOON + step // 2 + step % 2},0,0,{bid + random.integers(-1, 3)},{size},P,1,0")
    path = write_lean(tmp_path, "ibm_20131008_quote.zip", QUOTES, *lines)
    whole = read(path).quote.tobytes()

    for n_bytes in (64, 100, 1_000):
        monkeypatch.setattr(lean_file, "BLOCK_BYTES", n_bytes)
        assert read(path).quote.tobytes() == whole


@pytest.mark.parametrize(
    ("name", "instrument", "hour"),
    [
        ("fxcm_eurusd_20140508_quote.zip", "EURUSD.FXCM", 5),
        ("oanda_eurusd_20140508_quote.zip", "EURUSD.OANDA", 0),
        ("eurusd_20140508_quote.zip", "EURUSD.FOREX", 0),
    ],
)
def test_forex_quotes(tmp_path: Path, name: str, instrument: str, hour: int) -> None:
    """Forex rows have both sides and no sizes; FXCM is at UTC-5 all year, others at UTC."""
    lines = ["17007,1.39147,1.39148", "17007,1.39147,1.39148"]
    path = write_lean(tmp_path, name, "20140508_eurusd_tick_quote.csv", *lines)

    records = read(path)

    midnight = int(datetime(2014, 5, 8, hour, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert [d.instrument_id for d in definitions(records)] == [instrument]
    assert records.quote["ts_event"].tolist() == [midnight + 17_007_000_000] * 2
    assert (
        records.quote[["bid_price", "bid_size", "ask_price"]].tolist()
        == [(1_391_470_000, 0, 1_391_480_000)] * 2
    )


def test_names_of_folders_and_files_serve(tmp_path: Path) -> None:
    """Inside or outside, one name that says day, symbol and kind is enough; a market may be a folder."""
    outside = write_lean(tmp_path, "bac_20131008_trade.zip", "data.csv", f"{NOON},138000,1000,P,0,0")
    folder = tmp_path / "oanda" / "tick" / "eurusd"
    folder.mkdir(parents=True)
    inside = write_lean(folder, "20140508_quote.zip", "20140508_eurusd_tick_quote.csv", "0,1.1,1.2")

    assert [d.instrument_id for d in definitions(read(outside))] == ["BAC.USA"]
    assert [d.instrument_id for d in definitions(read(inside))] == ["EURUSD.OANDA"]


def test_the_instrument_and_zone_can_be_set(tmp_path: Path) -> None:
    """Settings stand above the names."""
    path = write_lean(tmp_path, "ibm_20131008_trade.zip", MEMBER, f"{NOON},1821000,300,P,2000,0")

    records = read(path, instrument="IBM.XNYS", time_zone="UTC")

    assert definitions(records)[0].instrument_id == "IBM.XNYS"
    assert records.trade["ts_event"].tolist() == [NOON_IN_NEW_YORK - 4 * 3_600 * 1_000_000_000]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x,1821000,300,P,2000,0", r"row 2, column `time`: expected a number, found 'x'"),
        (
            "86400000,1821000,300,P,2000,0",
            r"row 2, column `time`: expected ms since midnight, 0 to below 86400000",
        ),
        (f"{NOON - 5},1821000,300,P,2000,0", r"row 2: expected times that never decrease"),
        (f"{NOON},,300,P,2000,0", r"row 2, column `price`: expected a price within .*, found no value"),
        (
            f"{NOON},1821000,-300,P,2000,0",
            r"row 2, column `size`: expected a finite size from 0, found -300.0",
        ),
        (f"{NOON},1821000,300", r"row 2: expected 6 columns, found 3"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    """A row that cannot be is refused: its number, its column, what was found."""
    path = write_lean(tmp_path, "ibm_20131008_trade.zip", MEMBER, f"{NOON},1821000,300,P,2000,0", line)

    with pytest.raises(DataError, match=message):
        read(path)


def test_what_is_no_tick_zip_is_refused(tmp_path: Path) -> None:
    """Other resolutions, other columns and other contents are named."""
    minutes = write_lean(tmp_path, "20131008_trade.zip", "20131008_ibm_minute_trade.csv", "0,1,1,1,1,1")
    wide = write_lean(tmp_path, "ibm_20131008_trade.zip", MEMBER, "0,1,1,1")
    empty = write_lean(tmp_path, "bac_20131008_trade.zip", "readme.txt", "x")

    with pytest.raises(DataError, match="Only trades and quotes of resolution tick are read"):
        feed(minutes)
    with pytest.raises(DataError, match="row 1: expected 6 columns of trades, found 4"):
        feed(wide)
    with pytest.raises(DataError, match="expected a zip with one CSV, found 0 of 1 files"):
        feed(empty)
    ticks = write_lean(tmp_path, "ibm_20131008_trade.zip", MEMBER, f"{NOON},1821000,300,P,2000,0")
    with pytest.raises(DataError, match="expected records of kind quote, found trades"):
        feed(ticks, kind="quote")
