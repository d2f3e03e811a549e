"""Which column is which field."""

from __future__ import annotations

import pytest

from services.marketdata.adapter.columns import SYNONYMS, find_layout
from services.marketdata.adapter.settings import ReadSettings
from shared.errors import DataError

NAMES = {
    "binance": (["", "timestamp", "id", "type", "side", "price", "amount", "cost", "date"], "trade"),
    "taq trades": (["DT", "EX", "SYMBOL", "COND", "SIZE", "PRICE", "CORR"], "trade"),
    "taq quotes": (["DT", "EX", "BID", "BIDSIZ", "OFR", "OFRSIZ", "SYMBOL"], "quote"),
    "prevailing quote beside a trade": (
        ["ts_recv", "ts_event", "price", "size", "side", "bid_px", "ask_px"],
        "trade",
    ),
    "tardis quotes": (
        [
            "exchange",
            "symbol",
            "timestamp",
            "local_timestamp",
            "ask_amount",
            "ask_price",
            "bid_price",
            "bid_amount",
        ],
        "quote",
    ),
    "yahoo": (["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"], "bar"),
    "klines": (["open_time", "open", "high", "low", "close", "volume", "close_time", "count"], "bar"),
}


@pytest.mark.parametrize(("names", "kind"), NAMES.values(), ids=NAMES)
def test_kinds_are_told_by_their_columns(names: list[str], kind: str) -> None:
    """The columns say whether rows are trades, quotes or bars."""
    assert find_layout("f", names, ReadSettings()).kind == kind


def test_the_columns_of_a_layout() -> None:
    """Every field has its column; the times stand apart."""
    layout = find_layout("f", NAMES["tardis quotes"][0], ReadSettings())

    assert layout.ts_event == ("timestamp",)
    assert layout.ts_init == "local_timestamp"
    assert layout.columns == {
        "bid_price": "bid_price",
        "ask_price": "ask_price",
        "bid_size": "bid_amount",
        "ask_size": "ask_amount",
        "instrument": "symbol",
    }
    assert layout.used()[:2] == ["timestamp", "local_timestamp"]


@pytest.mark.parametrize(
    ("names", "times"),
    [
        (["date", "time", "price", "size"], ("date", "time")),
        (["date", "price", "size"], ("date",)),
        (["time", "price", "size"], ("time",)),
        (["ts_recv", "price", "size"], ("ts_recv",)),
        (["timestamp", "date", "time", "price", "size"], ("timestamp",)),
    ],
)
def test_where_the_time_stands(names: list[str], times: tuple[str, ...]) -> None:
    """A timestamp goes first, then day and time of day together, then either, then the receipt time."""
    assert find_layout("f", names, ReadSettings()).ts_event == times


def test_a_name_of_our_own_goes_before_a_synonym() -> None:
    """A column that is named as our field is it, whatever else there is."""
    names = ["ts_event", "timestamp", "price", "last", "size", "volume"]

    assert find_layout("f", names, ReadSettings()).columns == {"price": "price", "size": "size"}


def test_a_mapping_stands_above_what_is_found() -> None:
    """The settings can name another column, or none."""
    names = ["time", "price", "last", "size", "side"]

    layout = find_layout("f", names, ReadSettings(columns={"price": "last", "aggressor_side": ""}))

    assert layout.columns == {"price": "last", "size": "size"}


def test_a_missing_column_is_named_with_those_there_are() -> None:
    """The message lists the file's columns and the setting that mends it."""
    with pytest.raises(DataError) as caught:
        find_layout("f.csv", ["time", "price", "shares"], ReadSettings())

    assert str(caught.value) == (
        "f.csv: expected a column for `size` of a trade, found none. The file's columns are `time`, `price`, "
        "`shares`; set `marketdata.columns.size` to one of them."
    )


def test_two_columns_for_a_field_are_refused() -> None:
    """What could be two things is not guessed."""
    with pytest.raises(DataError, match="expected one column for `size`, found `qty` and `volume`"):
        find_layout("f.csv", ["time", "price", "qty", "volume"], ReadSettings())


def test_an_unknown_column_in_a_mapping_is_refused() -> None:
    """A mapping to a column that is not there is an error, not an absence."""
    with pytest.raises(DataError, match="expected the column `Last` mapped to `price`, found no such column"):
        find_layout("f.csv", ["time", "last", "size"], ReadSettings(columns={"price": "Last"}))


def test_an_unknown_field_in_a_mapping_is_refused() -> None:
    """A field that does not exist is named, with those that do."""
    with pytest.raises(DataError, match=r"fields out of `ts_event`.*found `prise`"):
        find_layout("f.csv", ["time", "price", "size"], ReadSettings(columns={"prise": "price"}))


def test_columns_of_nothing_known_are_refused() -> None:
    """A file of something else is not taken for trades."""
    with pytest.raises(DataError, match=r"found none of these.*`DT`, `STOCK`, `MARKET`"):
        find_layout("f.csv", ["DT", "STOCK", "MARKET"], ReadSettings())


@pytest.mark.parametrize("mark", ["is_snapshot", "update_type", "action"])
def test_book_updates_are_not_taken_for_trades(mark: str) -> None:
    """Order book updates have prices and sizes too; they are refused unless the user says they are trades."""
    names = ["timestamp", mark, "side", "price", "amount"]

    with pytest.raises(DataError, match=f"found the column `{mark}`, as order book updates have it"):
        find_layout("f.csv", names, ReadSettings())

    assert find_layout("f.csv", names, ReadSettings(kind="trade")).kind == "trade"


def test_no_name_means_two_fields_of_one_kind() -> None:
    """Synonyms of the fields that a kind has are disjoint, so that a column is never two of them."""
    for fields in (
        ("price", "size"),
        ("bid_price", "ask_price", "bid_size", "ask_size"),
        ("open", "high", "low"),
    ):
        words = [word for field in fields for word in SYNONYMS[field]]
        assert len(words) == len(set(words))
