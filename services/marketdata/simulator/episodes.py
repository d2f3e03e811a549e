"""Episodes: stretches of extra market orders, informed or not, with labels that say what is true."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from bus.records import Array
from services.marketdata.kernel.simulator.draws import uniforms
from services.marketdata.kernel.simulator.layout import EPISODE
from services.marketdata.simulator.reference import Reference
from services.marketdata.simulator.schedule import SECOND, Stream, session_opens
from services.marketdata.simulator.settings import SimulatorSettings

RATE: Final = 1.0
"""Market orders of an episode as a multiple of the instrument's own in an average session."""

LONGEST: Final = 900
"""Seconds of an episode at the most."""

SHIFT: Final = 0.6
"""Shift of the efficient price in an informed episode, in the instrument's own volatility of a session."""


class Episode(Struct, frozen=True, kw_only=True):
    """One episode, as it is."""

    instrument: int
    start: int
    """ns since 1970."""
    stop: int
    """ns since 1970; the episode ends before it."""
    informed: bool
    """False for a placebo: as many extra orders, of either side, and no news."""
    direction: int
    """Side of the extra orders, +1 or -1; 0 for a placebo."""
    shift: float
    """Change of the logarithm of the efficient price from start to stop, beside all other news."""


def plan_episodes(settings: SimulatorSettings, reference: list[Reference]) -> Array:
    """Lay down the episodes, as `EPISODE`: an informed one and its placebo in turn.

    A session is cut into as many stretches as it has episodes, placebos counted, so that no two overlap.
    """
    n_in_session = 2 * settings.episodes_per_session
    plan = np.zeros(settings.sessions * n_in_session, EPISODE)
    if not n_in_session:
        return plan
    stretch = settings.session_seconds // n_in_session
    length = max(1, min(LONGEST, stretch // 2))
    draws = uniforms(settings.seed, Stream.EPISODES, 3 * len(plan)).reshape(-1, 3)
    for place, (episode, draw) in enumerate(zip(plan, draws, strict=True)):
        session, slot = divmod(place, n_in_session)
        row = int(draw[0] * settings.n_instruments)
        episode["session"], episode["instrument"] = session, row
        episode["start"] = slot * stretch + int(draw[1] * (stretch - length))
        episode["stop"] = episode["start"] + length
        episode["rate"] = RATE
        if slot % 2 == 0:
            episode["direction"] = 1 if draw[2] < 0.5 else -1
            episode["shift"] = episode["direction"] * SHIFT * reference[row].own_sigma
    return plan


def labels(settings: SimulatorSettings, plan: Array) -> list[Episode]:
    """What was laid down, in the order of time."""
    opens = session_opens(settings)
    return [
        Episode(
            instrument=int(episode["instrument"]),
            start=int(opens[episode["session"]]) + int(episode["start"]) * SECOND,
            stop=int(opens[episode["session"]]) + int(episode["stop"]) * SECOND,
            informed=bool(episode["direction"] != 0),
            direction=int(episode["direction"]),
            shift=float(episode["shift"]),
        )
        for episode in plan
    ]
