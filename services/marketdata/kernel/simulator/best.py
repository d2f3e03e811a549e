"""Best quotes of simulated levels: what a book says after each event, where it changed."""

from __future__ import annotations

import numpy as np

from bus.record_codes import Flag
from bus.records import QUOTE, Array
from services.marketdata.kernel.simulator.layout import N_SLOTS
from shared.kernels.compile import inlined, kernel

_LAST = int(Flag.LAST)


@kernel
def best_quotes(levels: Array, tick: int) -> Array:
    """Follow the levels of one simulated instrument and give its best bid and ask wherever they changed.

    Only for flows without faults: it counts on both sides reaching less than ``N_SLOTS`` ticks from their
    best.

    Args:
        levels: `bus.records.LEVEL` of one instrument, in order, from a snapshot on.
        tick: Price increment, 1e-9.

    Returns:
        `bus.records.QUOTE`, with the sequence and times of the event's last record.
    """
    out = np.zeros(len(levels), QUOTE)
    sizes = np.zeros((2, N_SLOTS), np.int64)
    best = np.zeros(2, np.int64)
    n_out = 0
    for level in levels:
        price = level.price // tick
        place = (level.side + 1) // 2
        if price == 0:
            sizes[:] = 0
            best[0], best[1] = 0, 0
        else:
            sizes[place, price & (N_SLOTS - 1)] = level.size
            _follow(sizes[place], best, place, price, level.size)
        if level.flags & _LAST and _is_new(sizes, best, out, n_out, tick):
            quote = out[n_out]
            n_out += 1
            quote.sequence = level.sequence
            quote.ts_event, quote.ts_init = level.ts_event, level.ts_init
            quote.instrument = level.instrument
            quote.bid_price, quote.ask_price = best[1] * tick, best[0] * tick
            quote.bid_size = sizes[1, best[1] & (N_SLOTS - 1)]
            quote.ask_size = sizes[0, best[0] & (N_SLOTS - 1)]
    return out[:n_out]


@inlined
def _follow(sizes: Array, best: Array, place: int, price: int, size: int) -> None:
    """Keep the best of a side after one of its levels changed."""
    side = 2 * place - 1
    if size > 0 and (best[place] == 0 or (price - best[place]) * side > 0):
        best[place] = price
    elif size == 0 and price == best[place]:
        for distance in range(1, N_SLOTS):
            if sizes[(price - side * distance) & (N_SLOTS - 1)] > 0:
                best[place] = price - side * distance
                break


@inlined
def _is_new(sizes: Array, best: Array, out: Array, n_out: int, tick: int) -> bool:
    if n_out == 0:
        return True
    last = out[n_out - 1]
    return bool(
        last.bid_price != best[1] * tick
        or last.ask_price != best[0] * tick
        or last.bid_size != sizes[1, best[1] & (N_SLOTS - 1)]
        or last.ask_size != sizes[0, best[0] & (N_SLOTS - 1)]
    )
