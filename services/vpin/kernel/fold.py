"""The fold: one pass over a slice of the record flow, all instruments, completed buckets out.

Trades, quotes and clock records are taken in the order of ``sequence``. A pass can pause before a record
that it has not touched: for a session that begins, whose end only a calendar knows, and for room in the
output. `run` answers and goes on, so where a pass pauses, like where a slice was cut, carries no meaning.

A trade that the venue reports as having no aggressor (an auction) is no order flow under any method: it
joins no bucket and moves no price. Under `Method.REPORTED` neither does a trade whose side is not reported.
Both are counted as unclassified volume.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from bus.records import Array
from services.vpin.kernel.bars import fold_bars
from services.vpin.kernel.check import Finding
from services.vpin.kernel.layout import BUCKET, FIRST_BULK, MAX_BUCKETS_PER_TRADE, Memory, Slice
from services.vpin.kernel.output import DONE, FULL, NEEDED, REFUSED, SESSION, TRADE, WRITTEN, Output
from services.vpin.kernel.signed import fold_signed
from services.vpin.kernel.window import measure

Calendar = Callable[[int, int], tuple[int, int]]
"""Session of an instrument row at a time: its day since 1970-01-01, and when the next one begins, ns."""

_NOTHING: Final = np.zeros(0, BUCKET)


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
    fold = fold_bars if parameters["method"][0] >= FIRST_BULK else fold_signed
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
    row = int(trade["instrument"])
    day, until = calendar(row, int(trade["ts_event"]))
    memory.lanes["next_session"][row] = day
    memory.lanes["next_until"][row] = until
