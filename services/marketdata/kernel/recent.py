"""What was published last, kept for queries: two rings, and the last records of each instrument."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import BAR, QUOTE, TRADE, Array
from services.marketdata.kernel.memory import grown
from shared.kernels.compile import inlined, kernel

KEPT_TRADES: Final = 4_096
KEPT_BARS: Final = 4_096
"""Records that a ring holds, of all instruments together."""


class Recent(NamedTuple):
    """Records that were published last; their sequences are those of the whole flow."""

    kept_trades: Array
    """Ring of `bus.records.TRADE`, of all instruments."""
    kept_bars: Array
    """Ring of `bus.records.BAR`, of all instruments."""
    last_trades: Array
    """`bus.records.TRADE` of each instrument; of sequence 0 where there was none."""
    last_quotes: Array
    """`bus.records.QUOTE` of each instrument; of sequence 0 where there was none."""
    kept_counts: Array
    """One `COUNTS` row."""


COUNTS: Final = np.dtype([("n_published", "<u8"), ("n_trades", "<i8"), ("n_bars", "<i8")])
"""Records published, of all kinds; trades and bars among them."""


def blank_recent(n_rows: int) -> Recent:
    """Memory of an engine that has published nothing."""
    return Recent(
        kept_trades=np.zeros(KEPT_TRADES, TRADE),
        kept_bars=np.zeros(KEPT_BARS, BAR),
        last_trades=np.zeros(n_rows, TRADE),
        last_quotes=np.zeros(n_rows, QUOTE),
        kept_counts=np.zeros(1, COUNTS),
    )


@kernel
def remember(recent: Recent, n_records: int, quotes: Array, trades: Array, bars: Array) -> None:
    """Keep what was published of a slice.

    Args:
        recent: Changed.
        n_records: Records of the slice, of all kinds.
        quotes: Records of `bus.records.QUOTE`, numbered within the slice from 1.
        trades: Records of `bus.records.TRADE`, likewise.
        bars: Records of `bus.records.BAR`, likewise.
    """
    counts = recent.kept_counts[0]
    before = counts.n_published
    _keep_last(recent.last_quotes, before, quotes)
    _keep_last(recent.last_trades, before, trades)
    _keep(recent.kept_trades, counts.n_trades, before, trades)
    _keep(recent.kept_bars, counts.n_bars, before, bars)
    counts.n_trades += len(trades)
    counts.n_bars += len(bars)
    counts.n_published = before + np.uint64(n_records)


@inlined
def _keep_last(last: Array, before: int, records: Array) -> None:
    """Keep the last record of each instrument; from the end on, so that each is copied once."""
    for n in range(len(records) - 1, -1, -1):
        row = records[n].instrument
        if last[row].sequence <= before:
            last[row] = records[n]
            last[row].sequence += before


@inlined
def _keep(ring: Array, count: int, before: int, records: Array) -> None:
    """Put records into a ring that was given ``count`` of them before; no more than it can hold."""
    n_kept = len(ring)
    first = max(len(records) - n_kept, 0)
    place = (count + first) % n_kept
    for n in range(first, len(records)):
        ring[place] = records[n]
        ring[place].sequence = records[n].sequence + before
        place = place + 1 if place + 1 < n_kept else 0


def grown_recent(recent: Recent, n_rows: int) -> Recent:
    """The same with rows for more instruments, copied; the rings stay the same arrays."""
    return recent._replace(
        last_trades=grown(recent.last_trades, np.zeros(n_rows, TRADE)),
        last_quotes=grown(recent.last_quotes, np.zeros(n_rows, QUOTE)),
    )


def last_of(ring: Array, count: int, instrument: int) -> Array:
    """Records of an instrument that a ring still holds, oldest first.

    Args:
        ring: Ring of records.
        count: Records that were put into it since the beginning.
        instrument: Row.

    >>> ring = np.zeros(2, TRADE)
    >>> ring["sequence"] = [3, 2]
    >>> last_of(ring, 3, 0)["sequence"].tolist()
    [2, 3]
    """
    held = min(count, len(ring))
    order = np.arange(count - held, count) % len(ring)
    kept: Array = ring[order[ring["instrument"][order] == instrument]]
    return kept
