"""The fold of trades that are signed one by one: by their reported side, the tick rule, or Lee and Ready."""

from __future__ import annotations

from typing import Any, Final

from bus.records import Array
from services.vpin.kernel.buckets import Flow, completes, has_room, hold, open_bucket, pour
from services.vpin.kernel.check import TOO_LARGE, is_faulty, is_refused
from services.vpin.kernel.classification import is_flow, lee_ready_side, tick_side
from services.vpin.kernel.layout import Memory, Method, Slice
from services.vpin.kernel.output import DONE, FULL, NEEDED, QUOTE, REFUSED, SESSION, TRADE, Output
from services.vpin.kernel.prices import load_tally, observed, store_tally
from services.vpin.kernel.quotes import observe_quote, observe_quotes, promote
from services.vpin.kernel.sessions import begin_session
from services.vpin.kernel.stretch import hold_stretch
from shared.kernels.compile import inlined, kernel

METHOD_REPORTED: Final = int(Method.REPORTED)
METHOD_LEE_READY: Final = int(Method.LEE_READY)


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


@inlined
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
