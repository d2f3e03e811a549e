"""The mechanics of a limit-order book: queues at prices, taken from, added to, cancelled, and renewed.

A side has levels from its best to ``N_LEVELS - 1`` ticks behind it; what comes to lie further back is
withdrawn, and what is uncovered by a retreat of the best is filled from a reservoir. Bounce and spread come
out of these mechanics: an order that takes a queue whole opens the spread, and limit orders close it from
either side.

Sources: Smith, Farmer, Gillemot and Krishnamurthy, Quantitative Finance 3 (2003); Huang, Lehalle and
Rosenbaum, Journal of the American Statistical Association 110 (2015).
"""

from __future__ import annotations

import math
from typing import Any

from services.marketdata.kernel.simulator.draws import uniform
from services.marketdata.kernel.simulator.layout import (
    MOST_PRINTS,
    MOST_TOUCHED,
    N_LEVELS,
    N_SLOTS,
    Memory,
    Output,
)
from services.marketdata.kernel.simulator.sizes import order_size, queue_size, resting_size
from services.marketdata.kernel.simulator.writing import end_event, put_level, put_trade
from shared.kernels.compile import inlined, kernel


@kernel
def fill_book(memory: Memory, terms: Any, row: int) -> None:
    """Set up the book of an instrument around its efficient price, one tick wide."""
    lane = memory.lanes[row]
    memory.depth[row] = 0
    lane.bid = math.floor(lane.value)
    lane.ask = lane.bid + 1
    for distance in range(N_LEVELS):
        _set(memory, row, 1, lane.bid - distance, queue_size(lane, terms))
        _set(memory, row, -1, lane.ask + distance, queue_size(lane, terms))


@inlined
def take(memory: Memory, out: Output, terms: Any, row: int, ts: int, side: int, impact: float) -> None:
    """Execute a market order against the other side, level by level; trades first, then the levels.

    It moves the efficient price by ``impact`` ticks for 100 shares, with the root of its size.
    """
    lane = memory.lanes[row]
    rest = order_size(lane, terms)
    lane.value += impact * side * math.sqrt(rest / 100.0)
    whole = uniform(lane) < terms.whole_chance
    other = -side
    price = lane.ask if side > 0 else lane.bid
    n_touched = n_prints = 0
    for distance in range(N_LEVELS):
        here = price + side * distance
        stands = _size(memory, row, other, here)
        if stands == 0:
            continue
        taken = min(rest, stands)
        n_prints = _print(memory, out, terms, row, ts, side, here, taken, whole, n_prints)
        _set(memory, row, other, here, stands - taken)
        memory.touched[n_touched] = here
        n_touched += 1
        rest -= taken
        if rest == 0 or n_touched == MOST_TOUCHED:
            break
    for place in range(n_touched):
        here = memory.touched[place]
        put_level(memory, out, row, ts, other, here, _size(memory, row, other, here))
    _retreat(memory, out, terms, row, ts, other)
    end_event(memory, out, row)


@inlined
def add(memory: Memory, out: Output, terms: Any, row: int, ts: int, tilt: float) -> None:
    """Place a limit order: inside an open spread, or at some distance behind the best of its side."""
    lane = memory.lanes[row]
    side = 1 if uniform(lane) < 0.5 + tilt else -1
    size = resting_size(lane, terms)
    best = lane.bid if side > 0 else lane.ask
    if lane.ask - lane.bid > 1 and uniform(lane) < terms.inside_chance:
        price = best + side
        _set(memory, row, side, price, size)
        put_level(memory, out, row, ts, side, price, size)
        _advance(memory, out, row, ts, side)
    else:
        price = best - side * _distance(lane, terms)
        size += _size(memory, row, side, price)
        _set(memory, row, side, price, size)
        put_level(memory, out, row, ts, side, price, size)
    end_event(memory, out, row)


@inlined
def cancel(memory: Memory, out: Output, terms: Any, row: int, ts: int, tilt: float) -> None:
    """Cancel part of a level, or the whole."""
    lane = memory.lanes[row]
    side = 1 if uniform(lane) < 0.5 + tilt else -1
    best = lane.bid if side > 0 else lane.ask
    price = best - side * _distance(lane, terms)
    stands = _size(memory, row, side, price)
    if stands == 0:
        price = best
        stands = _size(memory, row, side, price)
    part = uniform(lane) ** terms.cancel_power
    left = stands - min(stands, max(math.ceil(stands * part), min(stands, 100)))
    _set(memory, row, side, price, left)
    put_level(memory, out, row, ts, side, price, left)
    if left == 0 and price == best:
        _retreat(memory, out, terms, row, ts, side)
    end_event(memory, out, row)


@inlined
def _print(
    memory: Memory,
    out: Output,
    terms: Any,
    row: int,
    ts: int,
    side: int,
    price: int,
    taken: int,
    whole: bool,
    n_prints: int,
) -> int:
    """Report an execution at one price in one piece, or in pieces as resting orders were met."""
    lane = memory.lanes[row]
    while taken > 0:
        piece = taken
        # the last of a market order's prints has the rest, and each level keeps one print
        if not whole and n_prints < MOST_PRINTS - MOST_TOUCHED:
            piece = min(taken, resting_size(lane, terms))
        put_trade(memory, out, row, ts, price, piece, side)
        n_prints += 1
        taken -= piece
    return n_prints


@inlined
def _retreat(memory: Memory, out: Output, terms: Any, row: int, ts: int, side: int) -> None:
    """Find a side's new best if its queue is gone, and fill what that uncovers at the far end."""
    lane = memory.lanes[row]
    best = lane.bid if side > 0 else lane.ask
    gone = 0
    while gone < N_LEVELS and _size(memory, row, side, best - side * gone) == 0:
        gone += 1
    if gone == N_LEVELS:
        gone = 1
    for distance in range(N_LEVELS, N_LEVELS + gone):
        price = best - side * distance
        size = queue_size(lane, terms)
        _set(memory, row, side, price, size)
        put_level(memory, out, row, ts, side, price, size)
    best -= side * gone
    if gone > 0 and _size(memory, row, side, best) == 0:
        size = queue_size(lane, terms)
        _set(memory, row, side, best, size)
        put_level(memory, out, row, ts, side, best, size)
    if side > 0:
        lane.bid = best
    else:
        lane.ask = best


@inlined
def _advance(memory: Memory, out: Output, row: int, ts: int, side: int) -> None:
    """Move a side's best one tick in, and withdraw the level that is now too far behind it."""
    lane = memory.lanes[row]
    if side > 0:
        lane.bid += 1
        last = lane.bid - N_LEVELS
    else:
        lane.ask -= 1
        last = lane.ask + N_LEVELS
    if _size(memory, row, side, last) > 0:
        _set(memory, row, side, last, 0)
        put_level(memory, out, row, ts, side, last, 0)


@inlined
def _distance(lane: Any, terms: Any) -> int:
    """Ticks behind the best: geometric."""
    distance = int(math.log(uniform(lane)) / math.log(1.0 - terms.near_chance))
    return min(distance, N_LEVELS - 1)


@inlined
def _size(memory: Memory, row: int, side: int, price: int) -> int:
    return int(memory.depth[row, (side + 1) // 2, price & (N_SLOTS - 1)])


@inlined
def _set(memory: Memory, row: int, side: int, price: int, size: int) -> None:
    memory.depth[row, (side + 1) // 2, price & (N_SLOTS - 1)] = size


@inlined
def is_extra(lane: Any) -> bool:
    """Draw whether a market order is one of the episode at work, in proportion to the intensities."""
    if lane.extra <= 0.0:
        return False
    return bool(uniform(lane) * (lane.mu_market + lane.fast_market + lane.slow_market) < lane.extra)


@inlined
def sign(lane: Any, terms: Any, tilt: float) -> int:
    """Side of the next market order: a piece of the parent at work, or anybody's.

    Parents are worked in pieces of one side; their lengths are Pareto, so that signs remember (Lillo, Mike
    and Farmer, Physical Review E 71, 2005).
    """
    if uniform(lane) < terms.parent_chance:
        if lane.parent_left == 0:
            lane.parent_side = 1 if uniform(lane) < 0.5 + tilt else -1
            length = math.ceil(uniform(lane) ** (-1.0 / terms.parent_tail))
            lane.parent_left = int(min(float(length), terms.longest_parent))
        lane.parent_left -= 1
        return int(lane.parent_side)
    return 1 if uniform(lane) < 0.5 + tilt else -1
