"""The memory of a simulated market before its first second."""

from __future__ import annotations

import numpy as np

from bus.records import LEVEL, TRADE, Array
from services.marketdata.kernel.simulator.draws import stream
from services.marketdata.kernel.simulator.layout import (
    LANE,
    MARKET,
    MOST_TOUCHED,
    N_SLOTS,
    ROOM,
    Memory,
)
from services.marketdata.simulator.calibration import PRINTS_PER_ORDER, baselines
from services.marketdata.simulator.reference import (
    MARKET_SIGMA,
    SECTOR_SIGMA,
    STYLE_SIGMA,
    TICK,
    Reference,
)
from services.marketdata.simulator.schedule import Stream
from services.marketdata.simulator.settings import SimulatorSettings


def first_memory(settings: SimulatorSettings, reference: list[Reference], faults: Array) -> Memory:
    """Set up the memory; its size is a matter of the settings alone."""
    count = len(reference)
    market = np.zeros(1, MARKET)
    market["rng"] = stream(settings.seed, Stream.MARKET)
    market["market_sigma"], market["sector_sigma"] = MARKET_SIGMA, SECTOR_SIGMA
    market["style_sigma"] = STYLE_SIGMA
    return Memory(
        market,
        _lanes(settings, reference),
        np.zeros((count, 2, N_SLOTS), np.int64),
        np.arange(count),
        np.zeros(settings.n_sectors),
        np.zeros(MOST_TOUCHED, np.int64),
        faults.copy(),
        np.zeros(ROOM, TRADE),
        np.zeros(ROOM, LEVEL),
    )


def _lanes(settings: SimulatorSettings, reference: list[Reference]) -> Array:
    lanes = np.zeros(len(reference), LANE)
    lanes["rng"] = [stream(settings.seed, Stream.LANES + row) for row in range(len(reference))]
    lanes["value"] = [one.first_price * 1e9 / TICK for one in reference]
    lanes["sigma"] = [one.own_sigma for one in reference]
    for name in ("beta", "value_score", "size_score"):
        lanes[name] = [getattr(one, name) for one in reference]
    lanes["sector"] = np.arange(len(reference)) % settings.n_sectors
    lanes["tick"] = TICK
    activity = np.array([one.activity for one in reference])
    orders = settings.trades_per_session / PRINTS_PER_ORDER / settings.session_seconds
    names = ("rate_market", "rate_limit", "rate_cancel")
    for name, rates in zip(names, baselines(orders * activity), strict=True):
        lanes[name] = rates
    return lanes
