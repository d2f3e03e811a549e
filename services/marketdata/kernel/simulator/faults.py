"""Faults laid into the flow: what was planned, done to the records as they are written.

The market itself never notices a fault; only what is told of it is wrong.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.record_codes import BookReason, BookState, Flag
from services.marketdata.kernel.simulator.layout import (
    CROSSED,
    DUPLICATE,
    GAP,
    N_SLOTS,
    REORDER,
    STALE_CLOCK,
    Memory,
    Output,
)
from services.marketdata.kernel.simulator.writing import end_event, put_level, put_snapshot, put_state
from shared.kernels.compile import inlined, kernel

_STALE: Final = int(BookState.STALE)
_SYNCING: Final = int(BookState.SYNCING)
_GAP: Final = int(BookReason.GAP)
_SNAPSHOT: Final = int(BookReason.SNAPSHOT)
_LAST: Final = int(Flag.LAST)
_CROSSING_SIZE: Final = 100
_ONE: Final = np.uint64(1)


@kernel
def set_faults(memory: Memory, out: Output, ts: int) -> None:
    """End the fault at work if this second is its end, and begin the next one if it is its start."""
    market = memory.market[0]
    if market.next_fault == len(memory.faults):
        return
    fault = memory.faults[market.next_fault]
    if fault.session != market.session:
        return
    lane = memory.lanes[fault.instrument]
    if market.second == fault.start:
        lane.fault = market.next_fault + 1
        lane.muted = 1 if fault.kind == GAP else 0
        lane.frozen = ts if fault.kind == STALE_CLOCK else 0
        if fault.kind == CROSSED:
            lane.crossed = lane.ask
            put_level(memory, out, fault.instrument, ts, 1, lane.ask, _CROSSING_SIZE)
            end_event(memory, out, fault.instrument)
            _count(fault, ts, 1)
    elif market.second == fault.stop:
        _end(memory, out, fault, ts)
        lane.fault = lane.frozen = lane.crossed = 0
        market.next_fault += 1


@kernel
def spoil(memory: Memory, out: Output, row: int, ts: int, first_trade: int, first_level: int) -> None:
    """Do to the records of the event just written what the fault at work asks for."""
    market = memory.market[0]
    fault = memory.faults[memory.lanes[row].fault - 1]
    n_records = market.n_trades - first_trade + market.n_levels - first_level
    if fault.kind == GAP:
        _count(fault, ts, 1)
    elif fault.kind == STALE_CLOCK:
        _count(fault, ts, n_records)
    elif fault.kind == DUPLICATE and fault.n_records == 0:
        _count(fault, ts, n_records)
        _copy(memory, out, first_trade, first_level)
    elif fault.kind == REORDER and fault.n_records == 0:
        _count(fault, ts, n_records)
        _hold(memory, out, first_trade, first_level)
    elif fault.kind == REORDER and market.n_held_levels > 0:
        _release(memory, out, ts)


@inlined
def _count(fault: Any, ts: int, n_records: int) -> None:
    if fault.n_records == 0:
        fault.first_ts = ts
    fault.n_records += n_records


@inlined
def _end(memory: Memory, out: Output, fault: Any, ts: int) -> None:
    row = fault.instrument
    lane = memory.lanes[row]
    if fault.kind == GAP:
        lane.muted = 0
        put_state(memory, out, row, ts, _STALE, _GAP)
        put_state(memory, out, row, ts, _SYNCING, _SNAPSHOT)
        put_snapshot(memory, out, row, ts)
    elif fault.kind == CROSSED:
        stands = memory.depth[row, 1, lane.crossed & (N_SLOTS - 1)] if lane.crossed <= lane.bid else 0
        put_level(memory, out, row, ts, 1, lane.crossed, stands)
        end_event(memory, out, row)
    elif fault.kind == REORDER and memory.market[0].n_held_levels > 0:
        _release(memory, out, ts)


@inlined
def _copy(memory: Memory, out: Output, first_trade: int, first_level: int) -> None:
    """Write the event's records again."""
    market = memory.market[0]
    for place in range(first_trade, market.n_trades):
        market.sequence += 1
        out.trades[market.n_trades + place - first_trade] = out.trades[place]
        out.trades[market.n_trades + place - first_trade].sequence = market.sequence
    market.n_trades += market.n_trades - first_trade
    for place in range(first_level, market.n_levels):
        market.sequence += 1
        out.levels[market.n_levels + place - first_level] = out.levels[place]
        out.levels[market.n_levels + place - first_level].sequence = market.sequence
    market.n_levels += market.n_levels - first_level


@inlined
def _hold(memory: Memory, out: Output, first_trade: int, first_level: int) -> None:
    """Take the event's records back until the next event of the instrument was written."""
    market = memory.market[0]
    market.n_held_trades = market.n_trades - first_trade
    market.n_held_levels = market.n_levels - first_level
    for place in range(market.n_held_trades):
        memory.held_trades[place] = out.trades[first_trade + place]
    for place in range(market.n_held_levels):
        memory.held_levels[place] = out.levels[first_level + place]
    market.sequence -= market.n_held_trades + market.n_held_levels
    market.n_trades, market.n_levels = first_trade, first_level


@inlined
def _release(memory: Memory, out: Output, ts: int) -> None:
    market = memory.market[0]
    for place in range(market.n_held_trades):
        market.sequence += 1
        out.trades[market.n_trades] = memory.held_trades[place]
        out.trades[market.n_trades].sequence = market.sequence
        out.trades[market.n_trades].ts_init = ts
        market.n_trades += 1
    for place in range(market.n_held_levels):
        market.sequence += 1
        out.levels[market.n_levels] = memory.held_levels[place]
        out.levels[market.n_levels].sequence = market.sequence
        out.levels[market.n_levels].ts_init = ts
        market.n_levels += 1
    market.n_held_trades = market.n_held_levels = 0
