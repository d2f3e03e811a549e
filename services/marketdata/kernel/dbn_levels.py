"""Records of DBN's schema ``mbp-10`` into changes of levels, and trades, one pass over a block.

Every record has the ten best levels of both sides whole. What differs from the instrument's last such picture
becomes changes; a level that is no more among the ten is removed, for beyond them nothing is known.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.record_codes import BookAction, Flag
from bus.records import N_LEVELS
from services.marketdata.kernel.dbn import (
    DOUBTS,
    TRADE,
    UNDEFINED_PRICE,
    Codes,
    Rows,
    is_sound,
    put_trade,
)
from shared.kernels.compile import inlined, kernel

MOST_CHANGES: Final = 4 * N_LEVELS + 1
"""Changes that one record can give: every level of both sides goes and another comes, after a clear."""

NEVER: Final = -1
"""Number of levels of an instrument of which no picture has been."""

_SET: Final = int(BookAction.SET)
_CLEAR: Final = int(BookAction.CLEAR)
_LAST: Final = int(Flag.LAST)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_SUSPICIOUS: Final = int(Flag.SUSPICIOUS)
_NO_KEY: Final = -(2**63)

Pictures = NDArray[np.int64]
"""(n_instruments, 2, N_LEVELS, 2): key (price x side, 1e-9) and size of each side's levels, best first."""

Counts = NDArray[np.int64]
"""(n_instruments, 2): levels of each side of a picture, `NEVER` if there is none."""


@kernel
def levels(
    rows: Rows,
    codes: Codes,
    form: tuple[int, int],
    previous: int,
    last: tuple[Pictures, Counts],
    levels: Rows,
    trades: Rows,
) -> tuple[int, int, int]:
    """Decode records of schema ``mbp-10``, numbered together from 0; a trade stands before its picture.

    Args:
        rows: (n,) records.
        codes: (n,) instruments.
        form: record type, and length in words of 4 bytes.
        previous: receipt time of the record before them, ns.
        last: the last picture of each instrument; kept up to date.
        levels: (n x `MOST_CHANGES`,) filled from the front; of length 0 if they are not wanted.
        trades: (n,) filled from the front; of length 0 if they are not wanted.

    Returns:
        How many levels and trades were filled in, and the first wrong index or -1: a type, length or time, a
        trade without price, levels that are not in order.
    """
    n_levels = n_trades = 0
    for index in range(len(rows)):
        is_trade = rows[index]["action"] == TRADE and len(trades) > 0
        if not is_sound(rows, index, form, previous):
            return n_levels, n_trades, index
        if is_trade and rows[index]["price"] == UNDEFINED_PRICE:
            return n_levels, n_trades, index
        previous = rows[index]["ts_recv"]
        if is_trade:
            put_trade(rows, index, codes[index], trades, n_trades, n_levels + n_trades)
            n_trades += 1
        if len(levels) > 0:
            after = _put_picture(rows, index, codes[index], last, levels, n_levels, n_trades)
            if after < 0:
                return n_levels, n_trades, index
            n_levels = after
    return n_levels, n_trades, -1


@kernel
def _put_picture(
    rows: Rows, index: int, code: int, last: tuple[Pictures, Counts], levels: Rows, start: int, n_trades: int
) -> int:
    """Write what a record changes; returns how many levels there are then, -1 if its own are not in order."""
    counts = last[1][code]
    flags = _SUSPICIOUS if rows[index]["flags"] & DOUBTS else 0
    n_levels = start
    if counts[0] == NEVER:
        flags |= _SNAPSHOT
        counts[:] = 0
        _put_level(rows, index, code, levels[start], start + n_trades, flags, _CLEAR)
        n_levels += 1
    for place in range(2):
        n_levels = _put_side(rows, index, code, last, place, levels, n_levels, n_trades, flags)
        if n_levels < 0:
            return -1
    if n_levels > start:
        levels[n_levels - 1]["flags"] |= _LAST
    return n_levels


@inlined
def _put_side(
    rows: Rows,
    index: int,
    code: int,
    last: tuple[Pictures, Counts],
    place: int,
    levels: Rows,
    n_levels: int,
    n_trades: int,
    flags: int,
) -> int:
    """Walk down the last picture of a side and the new one together; the better level is the next."""
    sign = np.int64(1 - 2 * place)
    old, n_old = last[0][code, place], last[1][code, place]
    new = np.empty((N_LEVELS, 2), np.int64)
    n_new = _read_side(rows, index, place, new)
    if n_new < 0:
        return -1
    at_old = at_new = 0
    while at_old < n_old or at_new < n_new:
        old_key = old[at_old, 0] if at_old < n_old else _NO_KEY
        new_key = new[at_new, 0] if at_new < n_new else _NO_KEY
        is_in_new = new_key >= old_key
        is_same = new_key == old_key and new[at_new, 1] == old[at_old, 1]
        if not is_same:
            out = levels[n_levels]
            _put_level(rows, index, code, out, n_levels + n_trades, flags, _SET)
            out["price"] = sign * max(new_key, old_key)
            out["size"] = new[at_new, 1] if is_in_new else 0
            out["side"] = sign
            n_levels += 1
        at_old += old_key >= new_key
        at_new += is_in_new
    old[:n_new] = new[:n_new]
    last[1][code, place] = n_new
    return n_levels


@inlined
def _read_side(rows: Rows, index: int, place: int, out: NDArray[np.int64]) -> int:
    """Key and size of a side's levels that are there; returns how many, -1 if they are not best first."""
    n_found = 0
    for n in range(N_LEVELS):
        level = rows[index]["levels"][n]
        price = level["bid_price"] if place == 0 else level["ask_price"]
        size = np.int64(level["bid_size"] if place == 0 else level["ask_size"])
        if price == UNDEFINED_PRICE or size == 0:
            continue
        key = price if place == 0 else -price
        if n_found > 0 and key >= out[n_found - 1, 0]:
            return -1
        out[n_found, 0], out[n_found, 1] = key, size
        n_found += 1
    return n_found


@inlined
def _put_level(rows: Rows, index: int, code: int, out: Rows, place: int, flags: int, action: int) -> None:
    row = rows[index]
    out["sequence"] = place
    out["ts_event"] = row["ts_event"]
    out["ts_init"] = row["ts_recv"]
    out["price"] = 0
    out["size"] = 0
    out["instrument"] = code
    out["flags"] = flags
    out["action"] = action
    out["side"] = 0
