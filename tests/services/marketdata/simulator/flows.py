"""Simulated flows for tests: small markets, read whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from bus.records import FEED_KINDS, Array, Records
from services.marketdata.simulator import SimulatedFeed, SimulatorSettings

TICK = 10_000_000
SECOND = 1_000_000_000


def small(**changes: Any) -> SimulatorSettings:
    """Three instruments, two sessions of twenty minutes, ten days before them."""
    settings = {
        "n_instruments": 3,
        "n_sectors": 2,
        "sessions": 2,
        "session_seconds": 1_200,
        "trades_per_session": 1_500.0,
        "history_days": 10,
        "episodes_per_session": 1,
    }
    return SimulatorSettings(**{**settings, **changes})


def read(feed: SimulatedFeed, limit: int = 1 << 30) -> Records:
    """All that is left of a feed, read so many records at a time."""
    parts = []
    while len(part := feed.read(limit)):
        assert len(part) <= limit
        parts.append(part)
    return Records({kind: np.concatenate([part[kind] for part in parts]) for kind in FEED_KINDS})


def flow(**changes: Any) -> Records:
    """A small market, whole."""
    return read(SimulatedFeed(small(**changes)))


def of(records: Array, instrument: int) -> Array:
    """Records of one instrument."""
    return np.ascontiguousarray(records[records["instrument"] == instrument])


def same(one: Records, other: Records) -> bool:
    """Whether two flows are the same bytes."""
    return all(one[kind].tobytes() == other[kind].tobytes() for kind in FEED_KINDS)
