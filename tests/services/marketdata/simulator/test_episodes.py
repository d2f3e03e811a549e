"""Episodes: labels that say what is true of the flow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from bus.records import Array
from services.marketdata.simulator import SimulatedFeed, SimulatorSettings
from services.marketdata.simulator.episodes import Episode, plan_episodes
from services.marketdata.simulator.reference import make_reference
from tests.services.marketdata.simulator.flows import SECOND, of, read, small

SETTINGS = SimulatorSettings(
    n_instruments=4,
    history_days=0,
    sessions=12,
    session_seconds=3_600,
    trades_per_session=3_000.0,
    episodes_per_session=2,
)


@pytest.fixture(scope="module")
def market() -> tuple[list[Episode], Array]:
    """Twelve sessions of an hour with two episodes each and their placebos: labels and trades."""
    feed = SimulatedFeed(SETTINGS)
    return feed.episodes, read(feed).trade


def during(trades: Array, episode: Episode) -> Array:
    """Trades of the instrument while the episode lasts."""
    own = of(trades, episode.instrument)
    return own[(own["ts_event"] >= episode.start) & (own["ts_event"] < episode.stop)]


def test_every_informed_episode_has_a_placebo() -> None:
    """They alternate, do not overlap, lie in their sessions, and say their direction and shift."""
    feed = SimulatedFeed(SETTINGS)
    labels = feed.episodes
    length = SETTINGS.session_seconds * SECOND

    assert [label.informed for label in labels] == [True, False] * 24
    assert all((label.direction != 0) == label.informed == (label.shift != 0) for label in labels)
    assert all(np.sign(label.shift) == label.direction for label in labels)
    assert all(a.stop <= b.start for a, b in pairwise(labels))
    assert all(any(o <= a.start < a.stop <= o + length for o in feed.session_opens) for a in labels)


def test_labels_are_a_matter_of_the_settings() -> None:
    """The same for the same seed, others for another; none where none is asked for."""
    first = plan_episodes(SETTINGS, make_reference(SETTINGS))
    again = plan_episodes(SETTINGS, make_reference(SETTINGS))
    seeded = replace(SETTINGS, seed=2)

    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != plan_episodes(seeded, make_reference(seeded)).tobytes()
    assert SimulatedFeed(small(episodes_per_session=0)).episodes == []


def test_informed_orders_lean_to_their_direction(market: tuple[list[Episode], Array]) -> None:
    """Sides of trades lean to the label in nearly all episodes; those of placebos to no side."""
    labels, trades = market
    sides = [during(trades, label)["aggressor_side"].mean() for label in labels]
    informed = np.array(
        [label.direction * side for label, side in zip(labels, sides, strict=True) if label.informed]
    )
    placebo = [side for label, side in zip(labels, sides, strict=True) if not label.informed]

    assert informed.mean() > 0.3
    assert (informed > 0).mean() > 0.9
    assert abs(np.mean(placebo)) < 0.12


def test_a_placebo_has_as_many_trades(market: tuple[list[Episode], Array]) -> None:
    """Both have more trades than there are at other times, and the same number within a third."""
    labels, trades = market
    counts = {kind: [len(during(trades, x)) for x in labels if x.informed == kind] for kind in (True, False)}
    rate = len(trades) / (SETTINGS.n_instruments * SETTINGS.sessions * SETTINGS.session_seconds)
    average = rate * np.mean([label.stop - label.start for label in labels]) / SECOND

    assert np.mean(counts[True]) / np.mean(counts[False]) == pytest.approx(1, abs=0.35)
    assert np.mean(counts[True]) > 1.3 * average


def test_prices_follow_the_shift(market: tuple[list[Episode], Array]) -> None:
    """Over all informed episodes the price goes by about the shift, with the noise of all other news."""
    labels, trades = market
    moves, shifts = [], []
    for label in labels:
        prices = during(trades, label)["price"]
        if label.informed:
            moves.append(label.direction * np.log(prices[-1] / prices[0]))
            shifts.append(abs(label.shift))

    assert 0.5 < np.mean(moves) / np.mean(shifts) < 2.5
