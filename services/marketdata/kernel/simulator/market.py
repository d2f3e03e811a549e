"""The simulated market at work: from event to event over all instruments, until the output is full.

What is written depends on the memory alone, and the memory stands between two events when a call ends, so a
flow that is made in blocks of any length is the same flow.
"""

from __future__ import annotations

import math

from services.marketdata.kernel.simulator.arrivals import (
    LIMIT_ORDER,
    MARKET_ORDER,
    await_event,
    excite,
    excite_to_mean,
    sink,
    sort_of_event,
)
from services.marketdata.kernel.simulator.book import add, cancel, fill_book, is_extra, sign, take
from services.marketdata.kernel.simulator.draws import coin
from services.marketdata.kernel.simulator.faults import set_faults, spoil
from services.marketdata.kernel.simulator.layout import ROOM, Memory, Output, Plan
from services.marketdata.kernel.simulator.prices import (
    begin_second,
    forget_day,
    pass_night,
    set_episodes,
)
from services.marketdata.kernel.simulator.writing import put_snapshot, time_of
from shared.kernels.compile import inlined, kernel


@kernel
def advance(memory: Memory, plan: Plan, out: Output) -> None:
    """Write records until the output has no room for another step, or the last session has ended.

    Args:
        memory: Where the market stands; moved on. Its counts of records say what of ``out`` is in use.
        plan: What was laid down beforehand.
        out: Arrays to write to, of at least ``ROOM`` rows each.
    """
    market = memory.market[0]
    market.n_trades = market.n_levels = market.n_states = 0
    while (
        market.n_trades + ROOM <= len(out.trades)
        and market.n_levels + ROOM <= len(out.levels)
        and market.n_states + ROOM <= len(out.states)
        and market.session < len(plan.opens)
    ):
        if market.opening < len(memory.lanes):
            _open(memory, plan, out)
        elif not market.is_open or memory.lanes[memory.heap[0]].next >= market.second + 1:
            _next_second(memory, plan, out)
        else:
            row = memory.heap[0]
            _event(memory, plan, out, row)
            await_event(memory.lanes[row], plan.terms[0], market.second + 1.0)
            sink(memory.heap, memory.lanes, 0)


@kernel
def _open(memory: Memory, plan: Plan, out: Output) -> None:
    """Open the book of the next instrument that has none in this session."""
    market = memory.market[0]
    row = market.opening
    market.opening += 1
    market.is_open = 0
    market.second = -1
    forget_day(memory.lanes[row])
    excite_to_mean(memory.lanes[row], plan.terms[0], plan.shape[0])
    fill_book(memory, plan.terms[0], row)
    put_snapshot(memory, out, row, plan.opens[market.session])


@kernel
def _next_second(memory: Memory, plan: Plan, out: Output) -> None:
    """Begin a second of the session, or end the session after its last."""
    market = memory.market[0]
    market.is_open = 1
    market.second += 1
    if market.second == len(plan.shape):
        market.session += 1
        market.opening = 0
        market.is_open = 0
        pass_night(memory, plan.terms[0])
        return
    set_episodes(memory, plan.episodes, plan.terms[0])
    set_faults(memory, out, time_of(memory, plan.opens, float(market.second)))
    begin_second(memory, plan)
    for lane in memory.lanes:
        lane.time = float(market.second)
        await_event(lane, plan.terms[0], market.second + 1.0)
    for place in range(len(memory.heap) // 2 - 1, -1, -1):
        sink(memory.heap, memory.lanes, place)


@inlined
def _event(memory: Memory, plan: Plan, out: Output, row: int) -> None:
    """Let the event at hand of an instrument happen."""
    market, lane, terms = memory.market[0], memory.lanes[row], plan.terms[0]
    first_trade, first_level = market.n_trades, market.n_levels
    out.residuals[market.n_residuals % len(out.residuals)] = lane.compensator
    market.n_residuals += 1
    lane.compensator = 0.0
    ts = time_of(memory, plan.opens, lane.next)
    sort = sort_of_event(lane)
    away = lane.value - 0.5 * (lane.bid + lane.ask)
    if sort == MARKET_ORDER:
        if is_extra(lane):
            # it brings no followers, and what it knows is in the drift of the efficient price already
            side = lane.extra_side if lane.extra_side != 0 else coin(lane)
            take(memory, out, terms, row, ts, side, 0.0)
        else:
            tilt = _within(terms.market_tilt * away, terms.most_tilt)
            take(memory, out, terms, row, ts, sign(lane, terms, tilt), terms.impact)
            excite(lane, terms, sort)
    elif sort == LIMIT_ORDER:
        add(memory, out, terms, row, ts, _within(terms.limit_tilt * away, terms.most_tilt))
        excite(lane, terms, sort)
    else:
        cancel(memory, out, terms, row, ts, _within(-terms.cancel_tilt * away, terms.most_tilt))
        excite(lane, terms, sort)
    if lane.fault:
        spoil(memory, out, row, ts, first_trade, first_level)


@inlined
def _within(value: float, bound: float) -> float:
    return math.copysign(min(abs(value), bound), value)
