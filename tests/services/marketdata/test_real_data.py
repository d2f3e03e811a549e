"""Real files through feed and engine: sides against the venue's own, bars against the trades."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bus.record_codes import BookState, Flag, SideOrigin
from bus.records import Records
from services.marketdata.adapter.feed import open_feed
from services.marketdata.adapter.settings import FileSettings, ReadSettings
from services.marketdata.config import Config
from services.marketdata.engine import create
from tests.services.marketdata.flows import play

TRADES = "es_mbo/derived_esh4_20231225_trades_with_bbo.parquet"
QUOTES = "es_mbo/derived_esh4_20231225_bbo.parquet"
TICKS = "es_futures/sp500_emini_2013-09_ticks_500k.parquet"


def replay(config: Config, *files: FileSettings) -> Records:
    """All that an engine says to files, cut into slices of an odd length."""
    feed = open_feed(ReadSettings(), files)
    everything = feed.read(1_000_000)
    return play(create(config), everything, [5_003] * (len(everything) // 5_003))


@pytest.mark.parametrize(
    ("rule", "right_by_count", "right_by_volume"),
    [("tick_rule", 0.7476, 0.8099), ("lee_ready", 0.9997, 0.9999)],
)
def test_inferred_sides_against_those_of_the_venue(
    market_data: Path, rule: str, right_by_count: float, right_by_volume: float
) -> None:
    """An hour of ES with its sides hidden: the tick rule is right for 3 of 4, the quote rule but for one."""
    quotes = FileSettings(path=str(market_data / QUOTES), instrument="ESH4.XCME")
    trades = FileSettings(path=str(market_data / TRADES), instrument="ESH4.XCME", kind="trade")
    blind = FileSettings(
        path=trades.path, instrument="ESH4.XCME", kind="trade", columns={"aggressor_side": ""}
    )
    reported = replay(Config(), trades).trade
    inferred = replay(Config(trade_side=rule), quotes, blind).trade  # type: ignore[arg-type]
    known = reported["aggressor_side"] != 0
    is_right = (inferred["aggressor_side"] == reported["aggressor_side"])[known]
    sizes = reported["size"][known]

    assert np.count_nonzero(known) == 2_972
    assert set(np.unique(reported["side_origin"][known])) == {SideOrigin.REPORTED}
    assert round(is_right.mean(), 4) == right_by_count
    assert round(sizes[is_right].sum() / sizes.sum(), 4) == right_by_volume


def test_bars_of_half_a_million_trades(market_data: Path) -> None:
    """Minute bars of two days of ES hold the trades of their minute, volume bars all the volume."""
    said = replay(
        Config(bars=("60s", "volume:1000")), FileSettings(path=str(market_data / TICKS), instrument="ES.XCME")
    )
    trades, bars = said.trade, said.bar
    minutes, volumes = bars[bars["basis"] == 1], bars[bars["basis"] == 2]
    first = np.searchsorted(trades["ts_event"], minutes["ts_open"])
    end = np.searchsorted(trades["ts_event"], minutes["ts_event"])

    assert len(trades) == 500_000
    assert len(volumes) == trades["size"].sum() // 1_000 == 1_844
    assert (minutes["n_trades"] == end - first).all()
    assert minutes["n_trades"].sum() == first[-1] + minutes["n_trades"][-1]
    for bar, start, stop in zip(minutes[::50], first[::50], end[::50], strict=True):
        prices, sizes = trades["price"][start:stop], trades["size"][start:stop]
        expected = (prices[0], prices.max(), prices.min(), prices[-1], sizes.sum())
        assert bar[["open", "high", "low", "close", "volume"]].item() == expected


def test_the_book_of_an_hour_gives_the_quotes_that_were_derived_from_it(market_data: Path) -> None:
    """ESH4 order by order: 25 439 changes of the best, no unknown order, crossed before the open alone."""
    path = str(market_data / "es_mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst")
    said = replay(Config(depth_seconds=None), FileSettings(path=path, instrument="ESH4.XCME"))
    derived = pq.read_table(market_data / QUOTES)
    quotes = said.quote

    assert len(quotes) == len(derived) == 25_439
    for ours, theirs, scale in (
        ("ts_init", "ts_recv", 1),
        ("bid_price", "bid_px", 10**9),
        ("ask_price", "ask_px", 10**9),
        ("bid_size", "bid_sz", 1),
        ("ask_size", "ask_sz", 1),
    ):
        assert (quotes[ours][1:] == np.round(derived[theirs].to_numpy()[1:] * scale)).all(), ours
    states = said["book_state"]
    assert set(states["state"].tolist()) == {BookState.LIVE, BookState.CROSSED}
    crossed = quotes[(quotes["flags"] & Flag.CROSSED) != 0]
    assert len(crossed) == 15
    assert crossed["ts_init"].max() < np.datetime64("2023-12-25T22:59:30", "ns").astype(np.int64)
    assert len(said.trade) == 2_973
