"""The fold of trades into time bars whose volume is classified in bulk."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bus.records import Array
from services.vpin.kernel.buckets import Flow, completes, has_room, hold, open_bucket, pour
from services.vpin.kernel.bulk import FIXED, bar_tilt, observe_change
from services.vpin.kernel.check import TOO_LARGE, is_faulty, is_refused
from services.vpin.kernel.classification import is_flow
from services.vpin.kernel.layout import Memory, Slice
from services.vpin.kernel.output import CLOCK, DONE, FULL, LAST, NEEDED, REFUSED, SESSION, TRADE, Output
from services.vpin.kernel.sessions import begin_session
from services.vpin.kernel.stretch import hold_bar_stretch
from shared.kernels.compile import kernel


@kernel
def fold_bars(slice_: Slice, memory: Memory, terms: Array, parameters: Array, output: Output) -> int:
    """Fold trades into time bars whose volume is classified in bulk; returns why it stopped."""
    trades, _, clocks = slice_
    lanes, cursor = memory.lanes, output.cursor
    method, bar = parameters[0].method, parameters[0].bar
    index = cursor[TRADE]
    while index < len(trades):
        cursor[TRADE] = index
        trade = trades[index]
        if is_faulty(trade, terms, cursor):
            return REFUSED
        if cursor[CLOCK] < len(clocks) and not close_ended(
            clocks, trade.sequence, memory, terms, parameters[0], output
        ):
            return FULL
        lane = lanes[trade.instrument]
        if trade.size == 0 or not is_flow(trade, method):
            lane.unclassified += trade.size
            index += 1
            continue
        begins = trade.ts_event >= lane.session_until
        if begins and trade.ts_event >= lane.next_until:
            return SESSION
        if begins or trade.ts_event >= lane.bar_until or lane.bar_volume == 0:
            if lane.bar_volume > 0:
                if not has_room(lane, lane.bar_volume, output):
                    return FULL
                ts_close = min(lane.bar_until, trade.ts_event)
                changes = memory.changes[trade.instrument]
                bar_flow = close_bar(trade.instrument, lane, changes, parameters[0], ts_close, trade.sequence)
                pour_bar(bar_flow, lane, terms[trade.instrument], output)
            if begins:
                begin_session(trade.instrument, memory, terms, parameters[0])
            open_bar(lane, trade.ts_event, bar)
        if is_refused(trade.size, lane.volume):
            cursor[NEEDED] = TOO_LARGE
            return REFUSED
        next_clock = clocks[cursor[CLOCK]].sequence if cursor[CLOCK] < len(clocks) else LAST
        index = hold_bar_stretch(trades, index, lane, method, next_clock)
    cursor[TRADE] = len(trades)
    return DONE if close_ended(clocks, LAST, memory, terms, parameters[0], output) else FULL


@kernel
def open_bar(lane: Any, ts_event: int, bar: int) -> None:
    """Open the time bar of a trade; it starts no earlier than the last one ended."""
    start = max(ts_event, lane.bar_until) // bar * bar
    lane.bar_ts_open = max(start, lane.bar_until)
    lane.bar_until = start + bar


@kernel
def close_ended(
    clocks: Array, sequence: np.uint64, memory: Memory, terms: Array, parameters: Any, output: Output
) -> bool:
    """Close the bars that ended at clock records before ``sequence``; False if the output is full."""
    lanes, cursor = memory.lanes, output.cursor
    while cursor[CLOCK] < len(clocks) and clocks[cursor[CLOCK]].sequence < sequence:
        clock = clocks[cursor[CLOCK]]
        for row in range(len(lanes)):
            lane = lanes[row]
            if lane.bar_volume > 0 and lane.bar_until <= clock.ts_event:
                if not has_room(lane, lane.bar_volume, output):
                    return False
                flow = close_bar(row, lane, memory.changes[row], parameters, lane.bar_until, clock.sequence)
                pour_bar(flow, lane, terms[row], output)
        cursor[CLOCK] += 1
    return True


@kernel
def close_bar(row: int, lane: Any, changes: Array, parameters: Any, ts_close: int, sequence: int) -> Flow:
    """Classify the open bar of an instrument and hand it over; its tilt is NaN where sigma is not known."""
    price_before = lane.reference if lane.n_bars > 0 else lane.price
    change = (lane.price - price_before) / 1e9
    if lane.n_bars > 0 or parameters.sigma_rule == FIXED:
        lane.sigma = observe_change(lane, change, changes, parameters)
    volume = lane.bar_volume
    unit_price = lane.bar_notional / volume
    lane.n_bars += 1
    lane.bar_before = price_before
    lane.reference = lane.price
    lane.bar_volume = 0
    lane.bar_notional = 0.0
    lane.bar_until = ts_close
    tilt = bar_tilt(change, lane.sigma, parameters)
    return Flow(int(row), volume, tilt, unit_price, lane.price, lane.bar_ts_open, ts_close, sequence)


@kernel
def pour_bar(flow: Flow, lane: Any, terms: Any, output: Output) -> None:
    """Add a closed bar to the buckets; without a tilt its volume stays unclassified."""
    if math.isnan(flow.tilt):
        lane.unclassified += flow.volume
        return
    if lane.filled == 0:
        open_bucket(lane, flow.ts_open, lane.bar_before)
    if completes(lane, flow.volume):
        pour(flow, lane, terms, output)
    else:
        hold(lane, flow.volume, flow.tilt, flow.unit_price)
