"""Stretches: consecutive trades of one instrument that complete nothing, taken in with all sums in registers.

Most trades are such: they add to the open bucket, or to the open time bar, and that is all. The sums are
the same additions in the same order as for one trade at a time, so where a stretch ends carries no meaning.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.records import Array
from services.vpin.kernel.check import is_refused, is_sane
from services.vpin.kernel.classification import is_flow, tick_side
from services.vpin.kernel.layout import Method
from services.vpin.kernel.prices import load_tally, observed, store_tally
from shared.kernels.compile import kernel

REPORTED: Final = int(Method.REPORTED)

UNBOUNDED: Final = 2**63 - 1
"""Bucket volume where there is none yet."""


@kernel
def hold_stretch(trades: Array, first: int, lane: Any, method: int) -> int:
    """Add signed trades to the open bucket, up to the first that is no plain addition; returns its index.

    Args:
        trades: Records of `bus.records.TRADE`.
        first: Index of a trade of the lane's instrument.
        lane: Record of that instrument; its open bucket is not empty.
        method: `Method.REPORTED` or `Method.TICK_RULE`.
    """
    row = trades[first].instrument
    until, filled = lane.session_until, lane.filled
    volume = lane.volume if lane.volume > 0 else UNBOUNDED
    imbalance, notional, sides = lane.imbalance, lane.notional, lane.session_sides
    tally = load_tally(lane)
    index = first
    while index < len(trades):
        trade = trades[index]
        plain = trade.instrument == row and trade.ts_event < until and filled + trade.size < volume
        if not (plain and trade.size > 0 and is_flow(trade, method) and is_sane(trade)):
            break
        tally = observed(tally, trade.price)
        side = trade.aggressor_side if method == REPORTED else tick_side(tally.tick)
        filled += trade.size
        imbalance += float(side) * trade.size
        notional += float(trade.price) * trade.size
        sides += side
        index += 1
    store_tally(lane, tally)
    lane.n_flow += index - first
    lane.session_trades += index - first
    lane.session_volume += filled - lane.filled
    lane.session_sides = sides
    lane.filled = filled
    lane.imbalance = imbalance
    lane.notional = notional
    return index


@kernel
def hold_bar_stretch(trades: Array, first: int, lane: Any, method: int, until: np.uint64) -> int:
    """Add trades to the open time bar, up to the first that is no plain addition; returns its index.

    Args:
        trades: Records of `bus.records.TRADE`.
        first: Index of a trade of the lane's instrument.
        lane: Record of that instrument; its bar is open.
        method: A bulk method.
        until: Sequence that the stretch stays below.
    """
    row = trades[first].instrument
    ends = min(lane.session_until, lane.bar_until)
    bucket_volume = lane.volume
    volume, notional = lane.bar_volume, lane.bar_notional
    tally = load_tally(lane)
    index = first
    while index < len(trades):
        trade = trades[index]
        plain = trade.instrument == row and trade.ts_event < ends and trade.sequence < until
        if not (plain and trade.size > 0 and is_flow(trade, method) and is_sane(trade)):
            break
        if is_refused(trade.size, bucket_volume):
            break
        tally = observed(tally, trade.price)
        volume += trade.size
        notional += float(trade.price) * trade.size
        index += 1
    store_tally(lane, tally)
    lane.n_flow += index - first
    lane.session_volume += volume - lane.bar_volume
    lane.bar_volume = volume
    lane.bar_notional = notional
    return index
