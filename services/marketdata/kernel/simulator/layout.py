"""What the simulator remembers, as records: the market, a lane for each instrument, and their terms."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import Array

N_SLOTS: Final = 64
"""Slots of one side of a book, a power of two; a price in ticks has its slot modulo this."""

N_LEVELS: Final = 10
"""A side's levels reach this many ticks from its best."""

MOST_PRINTS: Final = 24
"""Trades that one market order gives at the most."""

MOST_TOUCHED: Final = 5
"""Levels that one market order takes from at the most; what is left of it then is cancelled."""

ROOM: Final = 160
"""Rows of each kind that one step may write at the most: an event, twice, and an end of a gap."""

ASK: Final = 0
BID: Final = 1

GAP: Final = 1
DUPLICATE: Final = 2
REORDER: Final = 3
CROSSED: Final = 4
STALE_CLOCK: Final = 5

_TERMS: Final = (
    *("fast_decay", "slow_decay"),
    *("fast_mm", "slow_mm", "fast_ml", "slow_ml", "fast_mc", "slow_mc"),
    *("fast_ll", "slow_ll", "fast_lc", "fast_cl", "fast_cc", "slow_cc"),
    *("limits", "cancels"),
    *("fast_memory", "slow_memory", "activity_fast", "activity_slow", "activity_market"),
    *("parent_chance", "parent_tail", "longest_parent"),
    *("market_tilt", "limit_tilt", "cancel_tilt", "most_tilt", "impact"),
    *("inside_chance", "near_chance", "cancel_power", "queue_mean"),
    *("odd_chance", "log_mean", "log_sigma", "tail_chance", "tail_from", "tail", "largest"),
    *(
        "whole_chance",
        "order_round_chance",
        "order_more",
        "resting_round_chance",
        "resting_more",
        "resting_largest",
    ),
    *("overnight", "smallest_price"),
)
TERMS: Final = np.dtype([(name, "<f8") for name in _TERMS])
"""Calibration of the flow; `services.marketdata.simulator.calibration` says what each is."""

MARKET: Final = np.dtype(
    [
        ("rng", "<u8"),
        ("sequence", "<i8"),
        ("session", "<i8"),
        ("second", "<i8"),
        ("opening", "<i8"),
        ("is_open", "<i8"),
        ("fast", "<f8"),
        ("slow", "<f8"),
        ("next_fault", "<i8"),
        ("next_episode", "<i8"),
        ("n_trades", "<i8"),
        ("n_levels", "<i8"),
        ("n_states", "<i8"),
        ("n_residuals", "<i8"),
        ("n_held_trades", "<i8"),
        ("n_held_levels", "<i8"),
        ("market_sigma", "<f8"),
        ("sector_sigma", "<f8"),
        ("style_sigma", "<f8"),
    ]
)
"""The market as a whole. ``second`` is that of the session at hand; sigmas are of a session's returns."""

LANE: Final = np.dtype(
    [
        ("rng", "<u8"),
        ("time", "<f8"),
        ("next", "<f8"),
        ("compensator", "<f8"),
        ("fast_market", "<f8"),
        ("fast_limit", "<f8"),
        ("fast_cancel", "<f8"),
        ("slow_market", "<f8"),
        ("slow_limit", "<f8"),
        ("slow_cancel", "<f8"),
        ("mu_market", "<f8"),
        ("mu_limit", "<f8"),
        ("mu_cancel", "<f8"),
        ("rate_market", "<f8"),
        ("rate_limit", "<f8"),
        ("rate_cancel", "<f8"),
        ("extra", "<f8"),
        ("extra_side", "<i8"),
        ("drift", "<f8"),
        ("value", "<f8"),
        ("sigma", "<f8"),
        ("beta", "<f8"),
        ("value_score", "<f8"),
        ("size_score", "<f8"),
        ("sector", "<i8"),
        ("fast", "<f8"),
        ("slow", "<f8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("tick", "<i8"),
        ("parent_side", "<i8"),
        ("parent_left", "<i8"),
        ("muted", "<i8"),
        ("frozen", "<i8"),
        ("crossed", "<i8"),
        ("fault", "<i8"),
    ]
)
"""One instrument. ``time`` and ``next`` are seconds of the session; ``value`` is the efficient price, ticks;
``bid`` and ``ask`` are in ticks; rates are of a second of average activity; ``fault`` is a row of the
faults plus one."""

EPISODE: Final = np.dtype(
    [
        ("session", "<i8"),
        ("instrument", "<i8"),
        ("start", "<i8"),
        ("stop", "<i8"),
        ("direction", "<i8"),
        ("rate", "<f8"),
        ("shift", "<f8"),
    ]
)
"""Extra market orders of one instrument from second ``start`` until ``stop``: ``rate`` as a multiple of the
instrument's own, ``shift`` of the logarithm of the efficient price; direction 0 without information."""

FAULT: Final = np.dtype(
    [
        ("session", "<i8"),
        ("instrument", "<i8"),
        ("start", "<i8"),
        ("stop", "<i8"),
        ("kind", "<i8"),
        ("first_ts", "<i8"),
        ("n_records", "<i8"),
    ]
)
"""One fault; ``first_ts`` (ns) and ``n_records`` are written when it happens."""


class Memory(NamedTuple):
    """All that the simulator remembers; a copy of it is a place to go on from."""

    market: Array
    """`MARKET`, ``(1,)``."""
    lanes: Array
    """`LANE`, ``(n_instruments,)``."""
    depth: Array
    """Shares of each level, ``(n_instruments, 2, N_SLOTS)``: asks, bids."""
    heap: Array
    """Rows of lanes by their next event, ``(n_instruments,)``."""
    sectors: Array
    """Return of each sector in this second, ``(n_sectors,)``."""
    touched: Array
    """Scratch: levels that an order took from."""
    faults: Array
    """`FAULT`, in the order of time."""
    held_trades: Array
    held_levels: Array


class Plan(NamedTuple):
    """What is laid down before the first session and never changes."""

    terms: Array
    """`TERMS`, ``(1,)``."""
    shape: Array
    """Activity of each second of a session, of mean 1, ``(session_seconds,)``."""
    opens: Array
    """Open of each session, ns since 1970, ``(n_sessions,)``."""
    episodes: Array
    """`EPISODE`, in the order of time; no two overlap."""


class Output(NamedTuple):
    """Where records go; what of it is in use stands in the market."""

    trades: Array
    levels: Array
    states: Array
    residuals: Array
    """Ring of compensator increments between events of a lane, which are Exp(1)."""
