"""The fold: one pass over a slice of the record flow, all instruments, completed buckets out.

Trades, quotes and clock records are taken in the order of ``sequence``. A pass can pause before a record
that it has not touched: for a session that begins, whose end only a calendar knows, and for room in the
output. `run` answers and goes on, so where a pass pauses, like where a slice was cut, carries no meaning.

A trade that the venue reports as having no aggressor (an auction) is no order flow under any method: it
joins no bucket and moves no price. Under `Method.REPORTED` neither does a trade whose side is not reported.
Both are counted as unclassified volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from bus.records import Array
from services.vpin.kernel.buckets import (
    NEEDED,
    WRITTEN,
    Flow,
    Output,
    completes,
    has_room,
    hold,
    open_bucket,
    pour,
)
from services.vpin.kernel.bulk import FIXED, bar_tilt, observe_change
from services.vpin.kernel.check import OK, TOO_LARGE, Finding, fault_of, is_refused
from services.vpin.kernel.classification import is_flow, lee_ready_side, tick_side
from services.vpin.kernel.layout import BUCKET, MAX_BUCKETS_PER_TRADE, Memory, Method, Slice
from services.vpin.kernel.prices import load_tally, observed, store_tally
from services.vpin.kernel.quotes import observe_quote, observe_quotes, promote
from services.vpin.kernel.sessions import begin_session
from services.vpin.kernel.stretch import hold_bar_stretch, hold_stretch
from services.vpin.kernel.window import measure
from shared.kernels.compile import kernel

METHOD_REPORTED: Final = int(Method.REPORTED)
METHOD_LEE_READY: Final = int(Method.LEE_READY)
METHOD_BULK: Final = int(Method.BULK_NORMAL)

TRADE: Final = 2
QUOTE: Final = 3
CLOCK: Final = 4
"""Places in the cursor of the next record of each kind, beside `WRITTEN` and `NEEDED`."""

DONE: Final = 0
SESSION: Final = 1
FULL: Final = 2
REFUSED: Final = 3
"""Why a pass stopped."""

_LAST: Final = np.uint64(2**64 - 1)
"""A sequence behind all others."""

_ROOM: Final = 256
"""Buckets that the output has room for at first."""

_NOTHING: Final = np.zeros(0, BUCKET)

Calendar = Callable[[int, int], tuple[int, int]]
"""Session of an instrument row at a time: its day since 1970-01-01, and when the next one begins, ns."""


@kernel
def fold_signed(slice_: Slice, memory: Memory, terms: Array, parameters: Array, output: Output) -> int:
    """Fold trades that are signed one by one; returns why it stopped."""
    trades, quotes, _ = slice_
    lanes, pending, cursor = memory.lanes, memory.pending, output.cursor
    method, lag = parameters[0].method, parameters[0].lag
    index = cursor[TRADE]
    while index < len(trades):
        cursor[TRADE] = index
        trade = trades[index]
        if is_faulty(trade, terms, cursor):
            return REFUSED
        while cursor[QUOTE] < len(quotes) and quotes[cursor[QUOTE]].sequence < trade.sequence:
            observe_quote(quotes[cursor[QUOTE]], lanes, pending, lag)
            cursor[QUOTE] += 1
        lane = lanes[trade.instrument]
        index += 1
        if trade.size == 0 or not is_flow(trade, method):
            lane.unclassified += trade.size
            continue
        if trade.ts_event >= lane.session_until:
            if trade.ts_event >= lane.next_until:
                return SESSION
            begin_session(trade.instrument, memory, terms, parameters[0])
        if lane.filled == 0:
            open_bucket(lane, trade.ts_event, lane.price if lane.n_prices > 0 else trade.price)
        if method == METHOD_LEE_READY:
            promote(trade.instrument, lane, pending, trade.ts_event, lag)
        if completes(lane, trade.size):
            status = fill(trade, lane, terms[trade.instrument], method, output)
            if status != DONE:
                return status
        elif method == METHOD_LEE_READY:
            hold(lane, trade.size, float(observe_signed(trade, lane, method)), float(trade.price))
        else:
            index = hold_stretch(trades, index - 1, lane, method)
    cursor[TRADE] = len(trades)
    observe_quotes(quotes[cursor[QUOTE] :], lanes, pending, lag)
    cursor[QUOTE] = len(quotes)
    return DONE


@kernel
def is_faulty(trade: Any, terms: Array, cursor: Array) -> bool:
    """Whether a trade cannot be folded; the cursor says why."""
    cursor[NEEDED] = fault_of(trade, terms)
    return bool(cursor[NEEDED] != OK)


@kernel
def fill(trade: Any, lane: Any, terms: Any, method: int, output: Output) -> int:
    """Sign a trade that completes buckets and pour it, unless it is refused or the output is full."""
    if is_refused(trade.size, lane.volume):
        output.cursor[NEEDED] = TOO_LARGE
        return REFUSED
    if not has_room(lane, trade.size, output):
        return FULL
    side = observe_signed(trade, lane, method)
    pour(_flow_of(trade, side), lane, terms, output)
    return DONE


@kernel
def observe_signed(trade: Any, lane: Any, method: int) -> int:
    """Take one trade into its lane's tally and session, and return its side."""
    store_tally(lane, observed(load_tally(lane), trade.price))
    side = tick_side(lane.tick)
    if method == METHOD_REPORTED:
        side = int(trade.aggressor_side)
    elif method == METHOD_LEE_READY:
        side = lee_ready_side(trade, lane)
    lane.n_flow += 1
    lane.session_volume += trade.size
    lane.session_trades += 1
    lane.session_sides += side
    return side


@kernel
def _flow_of(trade: Any, side: int) -> Flow:
    """A signed trade on its way into buckets."""
    return Flow(
        int(trade.instrument),
        trade.size,
        float(side),
        float(trade.price),
        trade.price,
        trade.ts_event,
        trade.ts_event,
        trade.sequence,
    )


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
        next_clock = clocks[cursor[CLOCK]].sequence if cursor[CLOCK] < len(clocks) else _LAST
        index = hold_bar_stretch(trades, index, lane, method, next_clock)
    cursor[TRADE] = len(trades)
    return DONE if close_ended(clocks, _LAST, memory, terms, parameters[0], output) else FULL


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


def blank_output(room: int = _ROOM) -> Output:
    """Make an output with room for so many buckets."""
    return Output(np.empty(room, BUCKET), np.zeros(5, np.int64))


def run(
    slice_: Slice, memory: Memory, terms: Array, parameters: Array, calendar: Calendar, output: Output
) -> Array | Finding:
    """Fold a slice into the memory and return the buckets it completed, oldest first.

    Args:
        slice_: Records whose quotes and clocks were checked; see `services.vpin.kernel.check`.
        memory: Changed in place; has a lane for every instrument row of the slice.
        terms: One record of `services.vpin.kernel.layout.TERMS` for each instrument row.
        parameters: One record of `services.vpin.kernel.layout.PARAMETERS`.
        calendar: Says which session a trade begins.
        output: Room to work in; what it holds means nothing before or after.

    Returns:
        Records of `services.vpin.kernel.layout.BUCKET`, or the first trade that could not be folded, and then
        ``memory`` is spoilt. Of checked trades that can only be one that fills too many buckets at a bucket
        volume that was re-based within the slice.
    """
    fold = fold_bars if parameters["method"][0] >= METHOD_BULK else fold_signed
    output.cursor[:] = 0
    parts = []
    status = FULL
    while status != DONE:
        output.cursor[WRITTEN] = 0
        status = fold(slice_, memory, terms, parameters, output)
        rows = output.rows[: output.cursor[WRITTEN]]
        if status == REFUSED:
            return Finding(int(output.cursor[NEEDED]), "trade", int(output.cursor[TRADE]))
        if len(rows):
            measure(rows, memory, terms, parameters)
            parts.append(rows.view(np.uint8).copy().view(BUCKET))
        if status == SESSION:
            _announce_session(slice_.trades[output.cursor[TRADE]], memory, calendar)
        if status == FULL:
            room = max(min(4 * len(output.rows), 4 * MAX_BUCKETS_PER_TRADE), int(output.cursor[NEEDED]))
            output = Output(np.empty(room, BUCKET), output.cursor)
    return joined(parts)


def joined(parts: list[Array]) -> Array:
    """One array of buckets; joined as bytes, because NumPy would compare the parts' fields one by one."""
    filled = [part.view(np.uint8) for part in parts if len(part)]
    return np.concatenate(filled).view(BUCKET) if filled else _NOTHING


def _announce_session(trade: Any, memory: Memory, calendar: Calendar) -> None:
    lane = memory.lanes[trade["instrument"]]
    lane["next_session"], lane["next_until"] = calendar(int(trade["instrument"]), int(trade["ts_event"]))
