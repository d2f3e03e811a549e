"""Reference data and the pre-history: consistent with each other and with the sessions."""

from __future__ import annotations

import numpy as np
import pytest

from bus.record_codes import BarBasis, BarOrigin
from bus.records import Array
from services.marketdata.simulator import SimulatedFeed, SimulatorSettings
from services.marketdata.simulator.history import factor_sigmas, loadings, make_history
from services.marketdata.simulator.reference import Reference, make_reference
from shared.instruments import Instruments
from tests.services.marketdata.simulator.flows import TICK, flow, of, read, small

DAY = 86_400 * 10**9
SETTINGS = SimulatorSettings(n_instruments=12, n_sectors=3, history_days=500)


@pytest.fixture(scope="module")
def reference() -> list[Reference]:
    """Twelve instruments."""
    return make_reference(SETTINGS)


@pytest.fixture(scope="module")
def bars(reference: list[Reference]) -> Array:
    """Their 500 days, ``(500, 12)``."""
    return make_history(SETTINGS, reference).reshape(500, 12)


def test_value_inputs_follow_the_value_score(reference: list[Reference]) -> None:
    """Ratios go with the value score; market cap with the size score, and it is price times shares."""
    scores = np.array([one.value_score for one in reference])
    for name in ("book_to_price", "sales_to_price", "cash_flow_to_price"):
        inputs = np.array([getattr(one, name) for one in reference])
        assert (inputs > 0).all()
        assert np.corrcoef(np.log(inputs), scores)[0, 1] > 0.8
    caps = np.array([one.market_cap for one in reference])
    shares = np.array([one.shares_outstanding * one.first_price for one in reference])
    assert np.allclose(caps, shares)
    assert np.corrcoef(np.log(caps), [one.size_score for one in reference])[0, 1] > 0.99
    assert scores.mean() == pytest.approx(0, abs=1e-12)
    assert len({one.instrument_id for one in reference}) == 12
    assert len({one.sector for one in reference}) == 3


def test_a_market_of_one_instrument_has_no_scores() -> None:
    """There is nobody to be compared with."""
    only = make_reference(SimulatorSettings(n_instruments=1))[0]

    assert (only.value_score, only.size_score, only.activity) == (0, 0, 1)


def test_bars_are_days_before_the_first_session(bars: Array, reference: list[Reference]) -> None:
    """Imported bars of UTC working days, on the tick, with a high and a low that bound the rest."""
    opens = bars["ts_open"][:, 0]

    assert (bars["ts_event"] - bars["ts_open"] == DAY).all()
    assert (bars["step"] == DAY).all()
    assert (bars["basis"] == BarBasis.TIME).all()
    assert (bars["origin"] == BarOrigin.IMPORTED).all()
    assert (np.diff(opens) > 0).all()
    assert ((opens // DAY + 3) % 7 < 5).all()
    assert bars["ts_event"].max() <= SimulatedFeed(SETTINGS).session_opens[0]
    assert all((bars[name] % TICK == 0).all() for name in ("open", "high", "low", "close"))
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert (bars["volume"] > bars["n_trades"]).all()
    assert np.allclose(bars["close"][-1] / 1e9, [one.first_price for one in reference], atol=0.006)


def test_returns_have_the_covariance_of_their_factors(bars: Array, reference: list[Reference]) -> None:
    """Correlations of returns go with those of the loadings, and are higher within a sector."""
    returns = np.diff(np.log(bars["close"].astype(np.float64)), axis=0)
    table = loadings(reference, 3) * factor_sigmas(3)
    own = np.array([one.own_sigma for one in reference])
    truth = table @ table.T + np.diag(own**2)
    deviation = np.sqrt(np.diag(truth))
    pairs = np.triu_indices(12, 1)
    found = np.corrcoef(returns.T)[pairs]
    same = np.equal.outer(np.arange(12) % 3, np.arange(12) % 3)[pairs]

    assert np.corrcoef(found, (truth / np.outer(deviation, deviation))[pairs])[0, 1] > 0.6
    assert found[same].mean() > found[~same].mean() + 0.05
    assert 0.8 < returns.std() / np.sqrt(np.mean(np.diag(truth)) * 1.25) < 1.3


def test_prices_of_the_sessions_follow_the_history() -> None:
    """First trades are about a night away from the last close, and instruments correlate."""
    records = flow(
        n_instruments=4, n_sectors=1, sessions=1, session_seconds=23_400, trades_per_session=20_000.0
    )
    minutes = []
    for row in range(4):
        trades = of(records.trade, row)
        close = of(records.bar, row)["close"][-1]
        assert abs(np.log(trades["price"][0] / close)) < 0.01
        edges = trades["ts_event"][0] + np.arange(1, 380) * 60 * 10**9
        minutes.append(np.diff(np.log(trades["price"][np.searchsorted(trades["ts_event"], edges) - 1])))
    correlations = np.corrcoef(minutes)[np.triu_indices(4, 1)]

    assert 0.15 < correlations.mean() < 0.8


def test_definitions_and_bars_come_first() -> None:
    """Definitions in row order, then the bars by day; without a pre-history the definitions alone."""
    feed = SimulatedFeed(small())
    beginning = feed.read(33)
    table = Instruments()
    table.learn(beginning.instrument)

    assert [one.instrument_id for one in table] == [one.instrument_id for one in feed.reference]
    assert {one.price_increment for one in table} == {TICK}
    assert beginning.bar["sequence"].tolist() == list(range(4, 34))
    assert not len(read(SimulatedFeed(small(history_days=0))).bar)
