"""What the folding kernels keep in memory, as one structured record for each instrument row, and its rings.

Prices are integers in 1e-9 of the currency, volumes integers in the instrument's size increment, times
integer nanoseconds; a field in natural units (price, currency, contracts) is a float and says so.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from bus.records import START_OF_TIME, Array

PIN_SESSIONS: Final = 60
"""Sessions of buy and sell counts kept for the probability of informed trading."""

MAX_BUCKETS_PER_TRADE: Final = 65_536
"""A single trade that would fill more buckets is refused."""

LIMIT: Final = 2**62
"""Times, prices and sizes stay below this in magnitude, so that sums and differences fit 64 bits."""


class Method(IntEnum):
    """How the side of volume is known."""

    REPORTED = 0
    TICK_RULE = 1
    LEE_READY = 2
    BULK_NORMAL = 3
    BULK_STUDENT_T = 4


FIRST_BULK: Final = int(Method.BULK_NORMAL)
"""Methods from this one on classify in bulk."""


class SigmaRule(IntEnum):
    """How the standard deviation of bar price changes is estimated."""

    FIXED = 0
    EXPANDING = 1
    EWMA = 2
    ROLLING = 3


PARAMETERS: Final = np.dtype(
    [
        ("method", "<i8"),
        ("n_buckets", "<i8"),
        ("buckets_per_session", "<f8"),
        ("session_reset", "<i8"),
        ("cdf_minimum", "<i8"),
        ("lag", "<i8"),
        ("bar", "<i8"),
        ("sigma_rule", "<i8"),
        ("sigma", "<f8"),
        ("decay", "<f8"),
        ("degrees_of_freedom", "<f8"),
        ("log_beta", "<f8"),
    ]
)
"""One record of constants: ``lag`` and ``bar`` are in ns; ``sigma`` is the fixed standard deviation in price
units; ``decay`` what is left of a weight after one bar under EWMA; ``log_beta`` the logarithm of
B(degrees_of_freedom / 2, 1/2)."""

TERMS: Final = np.dtype([("volume", "<i8"), ("size_scale", "<f8"), ("multiplier", "<f8")])
"""Constants of an instrument: its fixed bucket volume (0 where adaptive, -1 where it cannot be used), the
natural size of one size unit, and the currency value of one price unit for one natural size."""

LANE: Final = np.dtype(
    [
        # taken in with every trade; together, for the sake of the processor's cache
        ("price", "<i8"),
        ("change", "<f8"),
        ("n_prices", "<i8"),
        ("tick", "<i8"),
        ("n_trades", "<i8"),
        ("n_pairs", "<i8"),
        ("sum_before", "<f8"),
        ("sum_after", "<f8"),
        ("sum_product", "<f8"),
        ("n_flow", "<i8"),
        ("session_until", "<i8"),
        ("session_volume", "<i8"),
        # open bucket, and the sides of the session
        ("volume", "<i8"),
        ("filled", "<i8"),
        ("imbalance", "<f8"),
        ("notional", "<f8"),
        ("session_trades", "<i8"),
        ("session_sides", "<i8"),
        # open time bar
        ("bar_until", "<i8"),
        ("bar_volume", "<i8"),
        ("bar_notional", "<f8"),
        ("bar_ts_open", "<i8"),
        # prevailing quote
        ("now", "<i8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("quoted", "<i8"),
        ("pending_first", "<i8"),
        ("n_pending", "<i8"),
        # where the open bucket started, and what was left out since
        ("ts_open", "<i8"),
        ("ts_close", "<i8"),
        ("open_price", "<i8"),
        ("unclassified", "<i8"),
        # closed bars and their price changes
        ("bar_before", "<i8"),
        ("reference", "<i8"),
        ("n_bars", "<i8"),
        ("n_changes", "<i8"),
        ("mean", "<f8"),
        ("squares", "<f8"),
        ("weight", "<f8"),
        ("sigma", "<f8"),
        # sessions
        ("session", "<i8"),
        ("next_until", "<i8"),
        ("next_session", "<i8"),
        ("n_sessions", "<i8"),
        # counts for good
        ("n_completed", "<i8"),
        ("n_window", "<i8"),
        ("n_vpins", "<i8"),
        ("discarded", "<i8"),
        ("n_promoted", "<i8"),
    ]
)
"""Everything about one instrument but its rings."""

BUCKET: Final = np.dtype(
    [
        ("sequence", "<u8"),
        ("instrument", "<i8"),
        ("index", "<i8"),
        ("ts_open", "<i8"),
        ("ts_close", "<i8"),
        ("price", "<i8"),
        ("volume", "<i8"),
        ("unclassified", "<i8"),
        ("n_trades", "<i8"),
        ("n_observations", "<i8"),
        ("n_pairs", "<i8"),
        ("sum_before", "<f8"),
        ("sum_after", "<f8"),
        ("sum_product", "<f8"),
        ("imbalance", "<f8"),
        ("notional", "<f8"),
        ("price_change", "<f8"),
        ("simple_return", "<f8"),
        ("log_return", "<f8"),
        ("sigma", "<f8"),
        ("vpin", "<f8"),
        ("vpin_cdf", "<f8"),
        ("mean_imbalance", "<f8"),
        ("trade_intensity", "<f8"),
        ("realized_volatility", "<f8"),
        ("kyle_lambda", "<f8"),
        ("amihud_illiquidity", "<f8"),
        ("roll_spread", "<f8"),
    ]
)
"""A completed bucket and the figures of the window that ends with it; NaN where a figure has no value.
``imbalance`` is in size units, everything after it in natural units."""

QUOTE_STATE: Final = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8"), ("quoted", "<i8")])
"""A quote that waits to prevail; ``quoted`` is 1 where both sides are present."""

COUNTS: Final = np.dtype([("session", "<i8"), ("buys", "<i8"), ("sells", "<i8")])
"""Trades of one complete session by side; ``session`` is its day since 1970-01-01."""


class Memory(NamedTuple):
    """Mutable arrays of the fold; the first axis of each is the instrument row."""

    lanes: Array
    buckets: Array
    """Ring of completed buckets, by ``index``."""
    vpins: Array
    """Ring of VPIN values for the running distribution."""
    changes: Array
    """Ring of bar price changes for the rolling rule, in price units."""
    pending: Array
    """Ring of quotes that wait to prevail."""
    session_volumes: Array
    """Ring of complete sessions' volumes."""
    session_counts: Array
    """Ring of complete sessions' trade counts."""


class Slice(NamedTuple):
    """Arrays of a slice of the record flow, each sorted by ``sequence``; what a method ignores is empty."""

    trades: Array
    quotes: Array
    clocks: Array


class Rings(NamedTuple):
    """Lengths of the rings of one instrument."""

    buckets: int
    vpins: int
    changes: int = 0
    pending: int = 0
    session_volumes: int = 1


def allocate(capacity: int, rings: Rings) -> Memory:
    """Make the memory of ``capacity`` fresh instruments."""
    lanes = np.zeros(capacity, LANE)
    for name in ("session_until", "next_until", "now", "bar_until", "ts_close"):
        lanes[name] = START_OF_TIME
    lanes["sigma"] = np.nan
    return Memory(
        lanes=lanes,
        buckets=np.zeros((capacity, rings.buckets), BUCKET),
        vpins=np.zeros((capacity, rings.vpins)),
        changes=np.zeros((capacity, rings.changes)),
        pending=np.zeros((capacity, rings.pending), QUOTE_STATE),
        session_volumes=np.zeros((capacity, rings.session_volumes), np.int64),
        session_counts=np.zeros((capacity, PIN_SESSIONS), COUNTS),
    )


def grown(memory: Memory, capacity: int, rings: Rings) -> Memory:
    """Copy of a memory with room for more instruments."""
    larger = allocate(capacity, rings)
    for old, new in zip(memory, larger, strict=True):
        new[: len(old)] = old
    return larger


def parameters(**values: Any) -> Array:
    """One record of `PARAMETERS`; what is not given is 0.

    >>> float(parameters(n_buckets=50)["n_buckets"][0])
    50.0
    """
    record = np.zeros(1, PARAMETERS)
    for name, value in values.items():
        record[name] = value
    return record
