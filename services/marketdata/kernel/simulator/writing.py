"""How the simulator writes records: each with the next ordinal of the feed, at the time of its event."""

from __future__ import annotations

from bus.record_codes import BookAction, Flag, SideOrigin
from bus.records import Array
from services.marketdata.kernel.simulator.layout import N_LEVELS, N_SLOTS, Memory, Output
from shared.kernels.compile import inlined, kernel

_REPORTED = int(SideOrigin.REPORTED)
_SET = int(BookAction.SET)
_CLEAR = int(BookAction.CLEAR)
_LAST = int(Flag.LAST)
_SNAPSHOT = int(Flag.SNAPSHOT)
_SECOND = 1_000_000_000


@inlined
def time_of(memory: Memory, opens: Array, seconds: float) -> int:
    """A time of the session, ns since 1970."""
    return int(opens[memory.market[0].session]) + int(seconds * 1e9)


@inlined
def put_trade(memory: Memory, out: Output, row: int, ts: int, price: int, size: int, side: int) -> None:
    """Write one execution; ``price`` in ticks."""
    lane = memory.lanes[row]
    if lane.muted:
        return
    market = memory.market[0]
    trade = out.trades[market.n_trades]
    market.n_trades += 1
    market.sequence += 1
    trade.sequence = market.sequence
    trade.ts_event = lane.frozen if lane.frozen else ts
    trade.ts_init = ts
    trade.price = price * lane.tick
    trade.size = size
    trade.instrument = row
    trade.aggressor_side = side
    trade.side_origin = _REPORTED
    trade.flags = 0


@inlined
def put_level(memory: Memory, out: Output, row: int, ts: int, side: int, price: int, size: int) -> None:
    """Write a level's new total; ``price`` in ticks."""
    lane = memory.lanes[row]
    if lane.muted:
        return
    market = memory.market[0]
    level = out.levels[market.n_levels]
    market.n_levels += 1
    market.sequence += 1
    level.sequence = market.sequence
    level.ts_event = lane.frozen if lane.frozen else ts
    level.ts_init = ts
    level.price = price * lane.tick
    level.size = size
    level.instrument = row
    level.flags = 0
    level.action = _SET
    level.side = side


@kernel
def put_state(memory: Memory, out: Output, row: int, ts: int, state: int, reason: int) -> None:
    """Write what the adapter of a venue would say of the flow of an instrument."""
    market = memory.market[0]
    told = out.states[market.n_states]
    market.n_states += 1
    market.sequence += 1
    told.sequence = market.sequence
    told.ts_event = told.ts_init = ts
    told.instrument = row
    told.flags = 0
    told.state = state
    told.state_reason = reason


@inlined
def end_event(memory: Memory, out: Output, row: int) -> None:
    """Mark the last record of an event; it is always one of a level."""
    if not memory.lanes[row].muted:
        out.levels[memory.market[0].n_levels - 1].flags |= _LAST


@kernel
def put_snapshot(memory: Memory, out: Output, row: int, ts: int) -> None:
    """Write the whole book of an instrument."""
    market = memory.market[0]
    first = market.n_levels
    lane = memory.lanes[row]
    put_level(memory, out, row, ts, 1, 0, 0)
    out.levels[first].action = _CLEAR
    for side in (1, -1):
        best = lane.bid if side > 0 else lane.ask
        for distance in range(N_LEVELS):
            price = best - side * distance
            size = memory.depth[row, (side + 1) // 2, price & (N_SLOTS - 1)]
            if size > 0:
                put_level(memory, out, row, ts, side, price, size)
    for place in range(first, market.n_levels):
        out.levels[place].flags |= _SNAPSHOT
    out.levels[market.n_levels - 1].flags |= _LAST
