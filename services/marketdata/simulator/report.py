"""A report of a market's stylised facts against the bands measured on real data.

Facts are measured for each instrument and session; what is held against a band is their median. Facts that
the calibration was not chosen for are marked, and what lies outside is said to lie outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import stats

from bus.records import Array, Records
from services.marketdata.kernel.simulator.best import best_quotes
from services.marketdata.simulator.bands import BANDS, DAY_BANDS, Band
from services.marketdata.simulator.facts import SECOND, half_hour_shares, measure, returns
from services.marketdata.simulator.feed import SimulatedFeed
from services.marketdata.simulator.reference import TICK
from services.marketdata.simulator.settings import SimulatorSettings

READ: Final = 1 << 20
"""Records taken of a feed at a time."""

_NOON: Final = slice(6, 9)
_HALF_HOURS: Final = 13

Floats = NDArray[np.float64]


class Row(Struct, frozen=True, kw_only=True):
    """One fact, as it came out."""

    band: Band
    value: float
    """Median over instruments and sessions."""
    low: float
    """Lowest of them."""
    high: float
    """Highest of them."""
    n_measured: int
    """Instruments and sessions that it could be measured on."""

    @property
    def inside(self) -> bool:
        """Whether the median lies in the band."""
        return self.band.holds(self.value)


class Report(Struct, frozen=True, kw_only=True):
    """What was measured, and what plots are drawn from."""

    title: str
    rows: list[Row]
    residual_p: float
    """p-value of the Kolmogorov-Smirnov test of the residuals against Exp(1); NaN without residuals."""
    residuals: Floats
    shares: Floats
    """Share of the market's volume in each half hour; empty where sessions are not thirteen of them."""
    prices: Floats
    """Price of the first instrument at each minute of its first session, currency."""
    seconds: Floats
    """1 s returns of the same."""
    minutes: Floats
    """60 s returns of the same."""
    sizes: Floats
    """Sizes of its trades."""

    @property
    def outside(self) -> list[str]:
        """Facts whose medians lie outside of their bands."""
        return [row.band.fact for row in self.rows if not row.inside]


def assess(
    title: str,
    trades: Array,
    quotes: Array,
    tick: int,
    sessions: Sequence[tuple[int, int]],
    residuals: Floats | None = None,
) -> Report:
    """Measure any flow of trades and quotes.

    Args:
        title: What it is.
        trades: `bus.records.TRADE` of any number of instruments, by time; at least one.
        quotes: `bus.records.QUOTE` of them, by time; may be empty.
        tick: Price increment of all of them, 1e-9 of the currency.
        sessions: Start and end of each stretch of regular trading, ns.
        residuals: Compensator increments of the process that made the flow, where it is known.
    """
    rows = np.unique(trades["instrument"]).tolist()
    measured = []
    for row in rows:
        own = _of(trades, row), _of(quotes, row)
        measured += [measure(own[0], own[1], tick, start, stop) for start, stop in sessions]
    shares = _shares(trades, sessions)
    found = [_row(band, [values[band.fact] for values in measured]) for band in BANDS]
    if len(shares):
        noon = shares[_NOON].mean()
        day = {"u_open": shares[0] / noon, "u_close": shares[-1] / noon}
        found += [_row(band, [float(day[band.fact])]) for band in DAY_BANDS]
    residuals = np.zeros(0) if residuals is None else residuals
    first = _of(trades, rows[0])
    start, stop = sessions[0]
    first = first[(first["ts_event"] >= start) & (first["ts_event"] < stop)]
    return Report(
        title=title,
        rows=found,
        residual_p=float(stats.kstest(residuals, "expon").pvalue) if len(residuals) else np.nan,
        residuals=residuals,
        shares=shares,
        prices=np.exp(
            np.cumsum(np.append(np.log(first["price"][:1] / 1e9), returns(first, start, stop, 60)))
        ),
        seconds=returns(first, start, stop, 1),
        minutes=returns(first, start, stop, 60),
        sizes=first["size"].astype(np.float64),
    )


def assess_simulation(settings: SimulatorSettings) -> Report:
    """Simulate a market and measure it; faults, which would be measured too, are left out."""
    feed = SimulatedFeed(settings)
    parts = []
    while len(records := feed.read(READ)):
        parts.append(records.only(frozenset({"trade", "level"})))
    flow = Records.joined(parts)
    quotes = [best_quotes(_of(flow["level"], row), TICK) for row in range(settings.n_instruments)]
    length = settings.session_seconds * SECOND
    sessions = [(open_ns, open_ns + length) for open_ns in feed.session_opens]
    title = f"Simulated market, seed {settings.seed}"
    return assess(title, flow.trade, np.concatenate(quotes), TICK, sessions, feed.residuals)


def _of(records: Array, instrument: int) -> Array:
    """Records of one instrument; picked as bytes, because NumPy picks records field by field, far slower."""
    whole = np.ascontiguousarray(records).view(np.dtype((np.void, records.dtype.itemsize)))
    own: Array = whole[records["instrument"] == instrument].view(records.dtype)
    return own


def _row(band: Band, values: list[float]) -> Row:
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return Row(band=band, value=np.nan, low=np.nan, high=np.nan, n_measured=0)
    return Row(
        band=band,
        value=float(np.median(known)),
        low=float(known.min()),
        high=float(known.max()),
        n_measured=len(known),
    )


def _shares(trades: Array, sessions: Sequence[tuple[int, int]]) -> Floats:
    """Share of the volume by half hour, over all instruments and the sessions."""
    found = []
    for start, stop in sessions:
        inside = trades[(trades["ts_event"] >= start) & (trades["ts_event"] < stop)]
        if len(inside):
            found.append(half_hour_shares(inside, start, stop))
    if not found or len(found[0]) != _HALF_HOURS:
        return np.zeros(0)
    shares: Floats = np.mean(found, axis=0)
    return shares
