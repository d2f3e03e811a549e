"""Daily bars from before the first session: the same factors, so that models are warm when it opens."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.record_codes import BarBasis, BarOrigin
from bus.records import BAR, Array
from services.marketdata.kernel.simulator.draws import normals
from services.marketdata.simulator.calibration import CALIBRATION, HALF_HOURS
from services.marketdata.simulator.reference import (
    MARKET_SIGMA,
    SECTOR_SIGMA,
    STYLE_SIGMA,
    TICK,
    Reference,
)
from services.marketdata.simulator.schedule import DAY, Stream, history_opens
from services.marketdata.simulator.settings import SimulatorSettings
from shared.errors import ConstraintError

MOST_BARS: Final = 1_000_000
"""Bars of the pre-history of all instruments together, 96 bytes each."""

_VOLATILITY_MEMORY: Final = 0.95
_VOLATILITY_WEIGHT: Final = 0.35
_MEAN_SIZE: Final = 160.0
"""Shares of an average trade, measured."""

Floats = NDArray[np.float64]


def loadings(reference: list[Reference], n_sectors: int) -> Floats:
    """Loading of each instrument on market, sectors, value and size, ``(n_instruments, 3 + n_sectors)``."""
    table = np.zeros((len(reference), 3 + n_sectors))
    for row, one in enumerate(reference):
        table[row, 0] = one.beta
        table[row, 1 + row % n_sectors] = 1.0
        table[row, -2:] = one.value_score, one.size_score
    return table


def factor_sigmas(n_sectors: int) -> Floats:
    """Volatility of each factor's return in a session, in the order of `loadings`."""
    return np.array([MARKET_SIGMA, *[SECTOR_SIGMA] * n_sectors, STYLE_SIGMA, STYLE_SIGMA])


def make_history(settings: SimulatorSettings, reference: list[Reference]) -> Array:
    """Make the bars, `BAR` sorted by day and row, unnumbered; the last closes are the first prices.

    A bar is a UTC day. Each day has a night and thirteen half hours, whose highest and lowest points are
    those of the bar.

    Raises:
        ConstraintError: more than `MOST_BARS`.
    """
    count = len(reference)
    n_days = settings.history_days
    if n_days * count > MOST_BARS:
        expected = f"at most {MOST_BARS // count} for {count} instruments"
        raise ConstraintError("history_days", expected, str(n_days))
    points, activity = _paths(settings, reference)
    first = np.array([one.first_price for one in reference])
    ticks = np.maximum(1, np.rint(points * first / (TICK / 1e9))).astype(np.int64) * TICK
    bars = np.zeros((n_days, count), BAR)
    bars["ts_open"] = history_opens(settings)[:, np.newaxis]
    bars["ts_event"] = bars["ts_init"] = bars["ts_open"] + DAY
    bars["open"], bars["close"] = ticks[:, 0], ticks[:, -1]
    bars["high"], bars["low"] = ticks.max(axis=1), ticks.min(axis=1)
    trades = settings.trades_per_session * np.array([one.activity for one in reference]) * activity
    bars["n_trades"] = np.maximum(1, trades)
    bars["volume"] = np.maximum(1, trades * _MEAN_SIZE)
    bars["step"] = DAY
    bars["instrument"] = np.arange(count)
    bars["basis"], bars["origin"] = BarBasis.TIME, BarOrigin.IMPORTED
    return bars.reshape(-1)


def _paths(settings: SimulatorSettings, reference: list[Reference]) -> tuple[Floats, Floats]:
    """Prices at each point of each day as multiples of the last, and the activity of each day."""
    count, n_steps = len(reference), len(HALF_HOURS)
    table, sigmas = loadings(reference, settings.n_sectors), factor_sigmas(settings.n_sectors)
    own = np.array([one.own_sigma for one in reference])
    spans = np.sqrt(np.append(CALIBRATION["overnight"] ** 2, np.array(HALF_HOURS) / sum(HALF_HOURS)))
    points = np.zeros((settings.history_days, n_steps + 1, count))
    activity = np.zeros((settings.history_days, count))
    log_volatility, level = np.zeros(count + 1), np.zeros(count)
    for day in range(settings.history_days):
        n_draws = (n_steps + 1) * (len(sigmas) + count) + count + 1
        draws = normals(settings.seed, Stream.DAYS + day, n_draws)
        log_volatility *= _VOLATILITY_MEMORY
        log_volatility += np.sqrt(1 - _VOLATILITY_MEMORY**2) * draws[: count + 1]
        scales = np.exp(_VOLATILITY_WEIGHT * log_volatility - _VOLATILITY_WEIGHT**2)
        steps = draws[count + 1 :].reshape(n_steps + 1, -1) * spans[:, np.newaxis]
        moves = (steps[:, : len(sigmas)] * sigmas * scales[-1]) @ table.T
        moves += steps[:, len(sigmas) :] * own * scales[:-1]
        points[day] = level + np.cumsum(moves, axis=0)
        level = points[day, -1]
        activity[day] = scales[:-1] * scales[-1]
    return np.exp(points - level), activity
