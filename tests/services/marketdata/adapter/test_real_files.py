"""The real files: how many records they give, and what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bus.record_codes import Flag
from services.marketdata.adapter import FileSettings, inspect
from shared.errors import DataError
from tests.services.marketdata.adapter.files import definitions, feed, read, rows_of, slices

COUNTS = {
    "es_futures/sp500_emini_2013-09_ticks_500k.parquet": ("trade", 500_000),
    "es_mbo/derived_esh4_20231225_bbo.parquet": ("quote", 25_439),
    "es_mbo/derived_esh4_20231225_trades_with_bbo.parquet": ("trade", 2_973),
    "es_mbo/futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst": ("trade", 120),
    "crypto_trades/binance_ETHUSDT_fut_trades_2023.csv.gz": ("trade", 1_000),
    "crypto_ws/bitmex_trades_XBTUSD.csv.gz": ("trade", 10),
    "crypto_ws/huobi-dm-swap_quotes_BTC-USD.csv.gz": ("quote", 10),
    "us_equity_ticks/ibm_20131007_trade.zip": ("trade", 24_293),
    "us_equity_ticks/ibm_20131008_trade.zip": ("trade", 33_381),
    "us_equity_ticks/ibm_20131009_trade.zip": ("trade", 27_042),
    "us_equity_ticks/ibm_20131010_trade.zip": ("trade", 22_415),
    "us_equity_ticks/bac_20131008_trade.zip": ("trade", 125_872),
    "us_equity_ticks/aig_20131007_trade.zip": ("trade", 25_351),
    "us_equity_ticks/ibm_20131008_quote.zip": ("quote", 52_599),
    "us_equity_taq/sampleTDataRaw.parquet": ("trade", 77_263),
    "us_equity_taq/sampleTData.parquet": ("trade", 7_168),
    "us_equity_taq/sampleQDataRaw.parquet": ("quote", 131_401),
    "us_equity_taq/sampleQData.parquet": ("quote", 46_564),
    "fx/fxcm_eurusd_20140508_quote.zip": ("quote", 167_466),
    "fx/truefx_usdjpy_ticks.csv.gz": ("quote", 1_000),
    "dbn_fixtures/test_data.trades.dbn.zst": ("trade", 2),
    "dbn_fixtures/test_data.ohlcv-1s.dbn.zst": ("bar", 2),
    "dbn_fixtures/test_data.ohlcv-1m.dbn.zst": ("bar", 2),
    "crypto_ws/deribit_incremental_book_L2_BTC-PERPETUAL.csv.gz": ("level", 16),
    "crypto_ws/binance-futures_book_snapshot_25_BTCUSDT.csv.gz": ("level", 510),
    "dbn_fixtures/test_data.mbo.dbn": ("order", 2),
    "dbn_fixtures/test_data.mbo.dbn.zst": ("order", 2),
    "dbn_fixtures/test_data.mbp-10.dbn.zst": ("level", 22),
    "es_mbo/esh4-glbx-mdp3-20231224.mbo.dbn.zst": ("order", 8_726),
    "../portfolio/market/arch_nasdaq.csv.gz": ("bar", 5_031),
}
"""Kind and number of the records of each file."""


@pytest.mark.parametrize("name", COUNTS)
def test_files_give_their_records(market_data: Path, name: str) -> None:
    """Every row is a record (a Lean equity quote is one where it changes), whole and in order."""
    kind, count = COUNTS[name]

    records = read(market_data / name)

    assert {found: len(array) for found, array in records if found != "instrument"} == {kind: count}
    assert records.sequences().tolist() == list(range(1, len(records) + 1))
    assert (np.diff(records[kind]["ts_init"]) >= 0).all()


def test_the_es_file(market_data: Path) -> None:
    """500,000 trades of 1,844,058 contracts, a tick of a quarter, from 17:00 in Chicago."""
    path = market_data / "es_futures/sp500_emini_2013-09_ticks_500k.parquet"

    records = read(path, instrument="ES.XCME", time_zone="America/Chicago")

    assert int(records.trade["size"].sum()) == 1_844_058
    assert definitions(records)[0].price_increment == 250_000_000
    assert str(np.datetime64(int(records.trade["ts_event"][0]), "ns")) == "2013-09-01T22:00:00.083000000"


def test_the_esh4_trades(market_data: Path) -> None:
    """Receipt times order them; the sides are reported: 1,542 buyers, 1,430 sellers, 1 neither."""
    trades = read(
        market_data / "es_mbo/derived_esh4_20231225_trades_with_bbo.parquet", instrument="ESH4.GLBX"
    ).trade

    sides, counts = np.unique(trades["aggressor_side"], return_counts=True)
    assert dict(zip(sides.tolist(), counts.tolist(), strict=True)) == {-1: 1_430, 0: 1, 1: 1_542}
    assert (trades["side_origin"] == (trades["aggressor_side"] != 0)).all()
    assert (trades["ts_event"] <= trades["ts_init"]).all()


def test_the_esh4_quotes(market_data: Path) -> None:
    """15 quotes are crossed, as the auction has them."""
    quotes = read(market_data / "es_mbo/derived_esh4_20231225_bbo.parquet", instrument="ESH4.GLBX").quote

    assert int((quotes["bid_price"] > quotes["ask_price"]).sum()) == 15
    assert ((quotes["flags"] & Flag.CROSSED > 0) == (quotes["bid_price"] >= quotes["ask_price"])).all()


def test_the_es_dbn_files(market_data: Path) -> None:
    """The 120 trades of mbp-1 are those of the trades file, and met the quote before them."""
    folder = market_data / "es_mbo"
    both = read(folder / "futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst")
    alone = read(folder / "futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst")

    assert (len(both.quote), len(both.trade)) == (2_168, 120)
    fields = ["ts_event", "ts_init", "price", "size", "aggressor_side"]
    assert both.trade[fields].tolist() == alone.trade[fields].tolist()
    assert [d.instrument_id for d in definitions(both)] == ["ESU4.GLBX"]
    prevailing = both.quote[np.searchsorted(both.quote["sequence"], both.trade["sequence"]) - 1]
    met = np.where(both.trade["aggressor_side"] > 0, prevailing["ask_price"], prevailing["bid_price"])
    assert (met == both.trade["price"]).all()


def test_the_ibm_quotes_are_a_market(market_data: Path) -> None:
    """The quote is crossed or locked in 1 of 100 updates, and most trades lie inside it."""
    folder = market_data / "us_equity_ticks"
    records = read(folder / "ibm_20131008_quote.zip", folder / "ibm_20131008_trade.zip")

    quotes, trades = records.quote, records.trade
    assert int((quotes["flags"] & Flag.CROSSED > 0).sum()) == 523
    assert len(records.instrument) == 1
    prevailing = quotes[np.maximum(np.searchsorted(quotes["ts_init"], trades["ts_init"]) - 1, 0)]
    inside = (trades["price"] >= prevailing["bid_price"]) & (trades["price"] <= prevailing["ask_price"])
    assert inside.mean() > 0.9


def test_three_equity_files_merge(market_data: Path) -> None:
    """IBM's quotes, IBM's and BAC's trades are one flow that any cut leaves as it is."""
    folder = market_data / "us_equity_ticks"
    names = ("ibm_20131008_trade.zip", "bac_20131008_trade.zip", "ibm_20131008_quote.zip")
    opened = feed(*(folder / name for name in names))

    whole = list(slices(opened, 50_000))
    n_records = sum(map(len, whole))
    assert n_records == 33_381 + 125_872 + 52_599 + 2
    opened.seek(200_000)
    assert rows_of(opened.read(10)) == [
        row for part in whole for row in rows_of(part) if 200_000 < row[0] <= 200_010
    ]


@pytest.mark.parametrize(
    "name",
    [
        "dbn_fixtures/test_data.bbo-1s.dbn.zst",
        "dbn_fixtures/test_data.imbalance.dbn.zst",
        "us_equity_taq/sampleOneMinuteData.parquet",
        "crypto_ws/btcusdt-depth-update.csv.gz",
        "crypto_ws/bybit_2024-12-01_XRPUSDT_ob500.data.zip",
    ],
)
def test_what_is_not_read_is_refused(market_data: Path, name: str) -> None:
    """Books, captures and other tables are refused, not taken for trades."""
    with pytest.raises(DataError):
        feed(market_data / name)
    assert inspect(str(market_data / name)).problems


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("crypto_trades/kraken_XBTUSDT_http_trades.json.gz", "JSON"),
    ],
)
def test_other_formats_are_named(market_data: Path, name: str, found: str) -> None:
    """What is no table and no format that is known is said so at once."""
    with pytest.raises(DataError, match=rf"or a CSV file of Tardis, found {found}"):
        feed(market_data / name)
    with pytest.raises(DataError, match=rf"or a CSV file of Tardis, found {found}"):
        inspect(str(market_data / name))


def test_column_of_another_table(market_data: Path) -> None:
    """A price column with any name can be mapped."""
    path = str(market_data / "us_equity_taq/sampleOneMinuteData.parquet")

    with pytest.raises(DataError, match="expected a column for `size` of a trade, found none"):
        feed(FileSettings(path=path, columns={"price": "STOCK"}))
