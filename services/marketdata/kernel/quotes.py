"""The last few quotes of each instrument, in the order of ``ts_event``: what a trade is held against.

The quote that a trade met is the last one *strictly before* it: one with the trade's own ``ts_event`` may
be what the trade left behind. Quotes that were received together with a trade, or shortly before one that
was received late, can be newer than it, so `RECENT` quotes of different times are kept. A trade older than
all of them has none.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.records import START_OF_TIME, Array
from shared.kernels.compile import inlined

RECENT: Final = 8
"""Quotes kept of each instrument."""

QUOTED: Final = np.dtype(
    [("ts_event", "<i8"), ("bid_price", "<i8"), ("ask_price", "<i8"), ("has_mid", "<i8")]
)
"""A quote as it is remembered; ``has_mid`` is 1 if both sides were there."""


def blank_quotes(n_rows: int) -> Array:
    """Rings of instruments of which no quote was seen, ``(n_rows, RECENT)``."""
    quotes = np.zeros((n_rows, RECENT), QUOTED)
    quotes["ts_event"] = START_OF_TIME
    return quotes


@inlined
def remember_quote(recent: Array, row: int, newest: int, quote: Any, has_mid: bool) -> int:
    """Put a quote where its ``ts_event`` belongs; of several at one time the last to come counts.

    Args:
        recent: `QUOTED` rings, ``(n_instruments, RECENT)``; changed.
        row: Instrument.
        newest: Place of the newest quote in its ring.
        quote: Quote record.
        has_mid: Whether both sides are there.

    Returns:
        Place of the newest quote now.
    """
    place, n_newer = newest, 0
    while n_newer < RECENT and recent[row, place].ts_event > quote.ts_event:
        place = (place - 1) % RECENT
        n_newer += 1
    if n_newer == RECENT:
        return newest
    if recent[row, place].ts_event != quote.ts_event:
        newest = (newest + 1) % RECENT
        for step in range(n_newer):
            recent[row, (newest - step) % RECENT] = recent[row, (newest - step - 1) % RECENT]
        place = (place + 1) % RECENT
    kept = recent[row, place]
    kept.ts_event = quote.ts_event
    kept.bid_price = quote.bid_price
    kept.ask_price = quote.ask_price
    kept.has_mid = has_mid
    return newest


@inlined
def quote_before(recent: Array, row: int, newest: int, time: int) -> int:
    """Place of the last quote strictly before a time, -1 if that is not kept.

    Args:
        recent: `QUOTED` rings, ``(n_instruments, RECENT)``.
        row: Instrument.
        newest: Place of the newest quote in its ring.
        time: When the trade happened, ns.
    """
    for step in range(RECENT):
        place = (newest - step) % RECENT
        if recent[row, place].ts_event < time:
            return place if recent[row, place].ts_event != START_OF_TIME else -1
    return -1
