"""The sample market: the same for one seed, like a market to look at, and readable as a feed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bus.records import Array
from services.marketdata.adapter.feed import open_feed
from services.marketdata.adapter.settings import FileSettings, ReadSettings
from services.marketdata.config import Config
from services.marketdata.engine import create
from services.marketdata.sample import sample_trades, write_sample
from tests.services.marketdata.flows import play

TICK = 10_000_000


@pytest.fixture(scope="module")
def trades() -> Array:
    """Two and a half sessions of seed 1."""
    return sample_trades(seed=1, n_trades=60_000)


def autocorrelation(values: Array, lag: int) -> float:
    """Sample autocorrelation of a series."""
    centered = values - values.mean()
    return float((centered[lag:] * centered[:-lag]).mean() / centered.var())


def test_the_same_seed_gives_the_same_market(trades: Array) -> None:
    """Byte for byte, also as the beginning of a longer one; another seed gives another."""
    assert sample_trades(seed=1, n_trades=1_000).tobytes() == trades[:1_000].tobytes()
    assert sample_trades(seed=2, n_trades=1_000).tobytes() != trades[:1_000].tobytes()


def test_trades_are_at_the_quote_that_they_met(trades: Array) -> None:
    """Buyers pay the ask and sellers get the bid, no more than stands there, a tick or more apart."""
    buys = trades["aggressor_side"] == 1

    assert (trades["price"] == np.where(buys, trades["ask_price"], trades["bid_price"])).all()
    assert (trades["size"] <= np.where(buys, trades["ask_size"], trades["bid_size"])).all()
    assert (trades["size"] > 0).all()
    assert (trades["ask_price"] - trades["bid_price"] >= TICK).all()
    assert (trades["price"] % TICK == 0).all()
    assert (np.abs(trades["aggressor_side"]) == 1).all()


def test_time_goes_forward_within_sessions(trades: Array) -> None:
    """Trades lie between 14:30 and 21:00 UTC of working days, some of them at one instant."""
    times = trades["ts_event"]
    of_day = times % (86_400 * 10**9) / 3.6e12
    weekdays = (times // (86_400 * 10**9) + 3) % 7

    assert (np.diff(times) >= 0).all()
    assert 0.05 < (np.diff(times) == 0).mean() < 0.3
    assert of_day.min() >= 14.5
    assert of_day.max() < 21
    assert weekdays.max() < 5


def test_prices_bounce_and_signs_remember(trades: Array) -> None:
    """The stylised facts of real trades: many unchanged prices, reversals, and order splitting."""
    changes = np.diff(trades["price"]) / TICK

    assert 0.4 < (changes == 0).mean() < 0.9
    assert -0.45 < autocorrelation(changes, 1) < -0.1
    assert autocorrelation(trades["aggressor_side"], 1) > 0.3
    assert autocorrelation(trades["aggressor_side"], 10) > 0.05
    assert len(np.unique(trades["price"])) > 50


def test_trades_come_in_clusters_over_a_u_shaped_day(trades: Array) -> None:
    """Counts by second are overdispersed (Poisson has 1), and noon is quieter than open and close."""
    times = trades["ts_event"]
    first_day = times[times // (86_400 * 10**9) == times[0] // (86_400 * 10**9)]
    by_second = np.bincount((first_day - first_day[0]) // 10**9)
    by_half_hour = np.bincount((first_day % (86_400 * 10**9) - 52_200 * 10**9) // (1_800 * 10**9))

    assert by_second.var() / by_second.mean() > 2
    assert by_half_hour[0] > 2 * by_half_hour[6]
    assert by_half_hour[-1] > 2 * by_half_hour[6]


def test_sizes_are_round_lots_odd_lots_and_a_tail(trades: Array) -> None:
    """Most are 100, few are large, and the mean is above the median."""
    sizes = trades["size"]

    assert np.median(sizes) == 100
    assert (sizes < 100).mean() > 0.1
    assert sizes.mean() > 100
    assert sizes.max() > 1_500


@pytest.mark.parametrize("name", ["sample.parquet", "sample.csv", "sample.csv.gz"])
def test_a_sample_file_reads_back(tmp_path: Path, name: str) -> None:
    """The file feed reads what was written without a setting, and a second writing gives the same bytes."""
    path, again = tmp_path / name, tmp_path / f"again-{name}"
    write_sample(path, seed=3, n_trades=2_000, instrument="DEMO.SIM")
    write_sample(again, seed=3, n_trades=2_000, instrument="DEMO.SIM")
    feed = open_feed(ReadSettings(), [FileSettings(path=str(path))])
    market = create(Config())
    said = play(market, feed.read(10_000))
    expected = sample_trades(seed=3, n_trades=2_000)

    assert path.read_bytes() == again.read_bytes()
    assert feed.notes == []
    assert [instrument.instrument_id for instrument in market.instruments] == ["DEMO.SIM"]
    for field in ("ts_event", "price", "size", "aggressor_side"):
        assert said.trade[field].tolist() == expected[field].tolist()


def test_another_ending_is_refused(tmp_path: Path) -> None:
    """Endings that are known are named; nothing is written."""
    with pytest.raises(
        ValueError, match=r"`path`: expected a name that ends in one of .parquet, .csv, .csv.gz"
    ):
        write_sample(tmp_path / "sample.xlsx", seed=1, n_trades=1)
    assert list(tmp_path.iterdir()) == []
