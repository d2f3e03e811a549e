"""Volume buckets: exact splitting at their edges.

Volumes are integers. The imbalance of a bucket is a sum of integers where trades are signed one by one, so
exact, and a sum of ``piece * (2 Z - 1)`` under bulk classification.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from services.vpin.kernel.output import NEEDED, WRITTEN, Output
from shared.kernels.compile import kernel


class Flow(NamedTuple):
    """Volume on its way into buckets: one signed trade, or one time bar."""

    row: int
    """Instrument row."""
    volume: int
    """Size units, above 0."""
    tilt: float
    """Buy less sell volume per unit of volume, -1 to +1."""
    unit_price: float
    """Average price in 1e-9."""
    price: int
    """Last price, 1e-9."""
    ts_open: int
    ts_close: int
    sequence: int
    """Record that completed it."""


@kernel
def completes(lane: Any, volume: int) -> bool:
    """Whether a volume fills the open bucket; never while there is no bucket volume yet."""
    return bool(lane.volume > 0 and volume >= lane.volume - lane.filled)


@kernel
def has_room(lane: Any, volume: int, output: Output) -> bool:
    """Whether there is room for the buckets that a volume completes; if not, the cursor says how much."""
    if not completes(lane, volume):
        return True
    needed = (lane.filled + volume) // lane.volume
    output.cursor[NEEDED] = needed
    return bool(output.cursor[WRITTEN] + needed <= len(output.rows))


@kernel
def open_bucket(lane: Any, ts_open: int, price_before: int) -> None:
    """Note where a bucket that is still empty starts: its time, and the last price before it.

    Like its end, its start is never before the end of the bucket before it, though a trade may come late.
    """
    lane.ts_open = max(ts_open, lane.ts_close)
    lane.open_price = price_before


@kernel
def hold(lane: Any, volume: int, tilt: float, unit_price: float) -> None:
    """Add to the open bucket what does not overfill it."""
    lane.filled += volume
    lane.imbalance += tilt * volume
    lane.notional += unit_price * volume


@kernel
def pour(flow: Flow, lane: Any, terms: Any, output: Output) -> None:
    """Complete buckets with a flow, splitting it exactly over as many as it fills.

    Args:
        flow: A volume that completes at least one bucket.
        lane: Record of its instrument.
        terms: The instrument's record of `services.vpin.kernel.layout.TERMS`.
        output: Takes the buckets; it has room for them.
    """
    rest = flow.volume
    while completes(lane, rest):
        piece = lane.volume - lane.filled
        hold(lane, piece, flow.tilt, flow.unit_price)
        rest -= piece
        written = output.cursor[WRITTEN]
        close_bucket(flow, lane, terms, output.rows[written])
        output.cursor[WRITTEN] = written + 1
        open_bucket(lane, flow.ts_open, flow.price)
    hold(lane, rest, flow.tilt, flow.unit_price)


@kernel
def close_bucket(flow: Flow, lane: Any, terms: Any, bucket: Any) -> None:
    """Write the open bucket, which is full, and begin an empty one; `measure` adds the window's figures."""
    bucket.sequence = flow.sequence
    bucket.instrument = flow.row
    bucket.index = lane.n_completed
    bucket.ts_open = lane.ts_open
    bucket.ts_close = max(flow.ts_close, lane.ts_open)
    bucket.price = flow.price
    bucket.volume = lane.volume
    bucket.unclassified = lane.unclassified
    bucket.n_trades = lane.n_trades
    bucket.n_pairs = lane.n_pairs
    bucket.sum_before = lane.sum_before / 1e9
    bucket.sum_after = lane.sum_after / 1e9
    bucket.sum_product = lane.sum_product / 1e18
    bucket.imbalance = lane.imbalance
    bucket.notional = lane.notional / 1e9 * terms.size_scale * terms.multiplier
    bucket.price_change = (flow.price - lane.open_price) / 1e9
    positive = lane.open_price > 0 and flow.price > 0
    bucket.simple_return = flow.price / lane.open_price - 1.0 if positive else math.nan
    bucket.log_return = math.log(flow.price / lane.open_price) if positive else math.nan
    bucket.sigma = lane.sigma
    lane.ts_close = bucket.ts_close
    lane.n_completed += 1
    lane.n_window += 1
    bucket.n_observations = lane.n_window
    lane.unclassified = 0
    clear_bucket(lane)


@kernel
def clear_bucket(lane: Any) -> None:
    """Empty the open bucket; volume that was left out of it keeps waiting for the next close."""
    lane.filled = 0
    lane.imbalance = 0.0
    lane.notional = 0.0
    lane.n_trades = 0
    lane.n_pairs = 0
    lane.sum_before = 0.0
    lane.sum_after = 0.0
    lane.sum_product = 0.0
