"""Records of DBN's schema ``mbo`` into changes of orders, and trades, one pass over a block.

Actions ``A``, ``C``, ``M`` and ``R`` change a book: an order is added, cancelled or modified, the book
cleared. ``T`` is a trade and changes none, ``F`` (the resting order of a trade) and ``N`` give nothing: what
they took follows as ``C`` or ``M``.

What ends an event is the venue's flag on its last record. Where that is a trade or a fill, the last change of
the instrument's book in the event gets it. A snapshot begins with a clear, which is put in where the file has
none, and ends with the last of consecutive records of it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bus.record_codes import BookAction, Flag
from bus.records import Array
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

MOST_HELD: Final = 4_096
"""Records of a block's end that are looked at for the end of an event."""

FULL: Final = -2
"""Stands for a wrong index where there is too little room."""

ACTIONS: Final = "ACMRTFN"
"""Every action there is."""

_VENUE_LAST: Final = 128
_VENUE_SNAPSHOT: Final = 32
_ADD: Final = int(BookAction.ADD)
_MODIFY: Final = int(BookAction.MODIFY)
_CANCEL: Final = int(BookAction.CANCEL)
_CLEAR: Final = int(BookAction.CLEAR)
_LAST: Final = int(Flag.LAST)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_SUSPICIOUS: Final = int(Flag.SUSPICIOUS)
_SILENT: Final = 100
"""Stands for an action that changes no book."""
_INVALID: Final = 200

_ACTIONS: Final = np.full(256, _INVALID, np.uint8)
"""Our action for each of theirs."""
_ACTIONS[list(ACTIONS.encode())] = (_ADD, _CANCEL, _MODIFY, _CLEAR, _SILENT, _SILENT, _SILENT)

_NEEDS: Final = np.zeros(256, np.bool_)
"""Whether an action needs a price."""
_NEEDS[list(b"AMT")] = True

_SIGNS: Final = np.zeros(256, np.int8)
"""Our side for each of theirs."""
_SIGNS[list(b"BA")] = (1, -1)

_VENUE_FLAGS: Final = np.arange(256)
_FLAGS: Final = (
    np.where(_VENUE_FLAGS & DOUBTS, _SUSPICIOUS, 0)
    | np.where(_VENUE_FLAGS & _VENUE_LAST, _LAST, 0)
    | np.where(_VENUE_FLAGS & _VENUE_SNAPSHOT, _SNAPSHOT, 0)
).astype(np.uint16)
"""Our flags for each of theirs."""


@kernel
def whole_events(rows: Rows, codes: Codes, n_instruments: int) -> int:
    """How many records of a block, which others follow, can be decoded before those are seen.

    Only an end of `MOST_HELD` records is held back; an event that is longer than that is cut.

    Args:
        rows: (n,) records.
        codes: (n,) instruments, below ``n_instruments``.
        n_instruments: instruments of the file so far.

    Returns:
        Records up to which every event is whole, 0 to n.
    """
    start = max(0, len(rows) - MOST_HELD)
    whole = start
    is_open = np.zeros(n_instruments, np.bool_)
    n_open = 0
    for index in range(start, len(rows)):
        row, code = rows[index], codes[index]
        is_snapshot = row["flags"] & _VENUE_SNAPSHOT != 0
        if row["flags"] & _VENUE_LAST or is_snapshot:
            n_open -= is_open[code]
            is_open[code] = False
        elif _ACTIONS[row["action"]] < _SILENT and not is_open[code]:
            n_open += 1
            is_open[code] = True
        if n_open == 0 and not (is_snapshot and index == len(rows) - 1):
            whole = index + 1
    return len(rows) if whole == start and start > 0 else whole


@kernel
def orders(
    rows: Rows,
    codes: Codes,
    count: int,
    form: tuple[int, int],
    previous: int,
    in_snapshot: Array,
    orders: Rows,
    trades: Rows,
) -> tuple[int, int, int]:
    """Decode records of schema ``mbo``, numbered together from 0.

    Args:
        rows: (n,) records; those from ``count`` on are only looked at.
        codes: (n,) instruments.
        count: how many are decoded.
        form: record type, and length in words of 4 bytes.
        previous: receipt time of the record before them, ns.
        in_snapshot: (n_instruments,) whether an instrument's last change was one of a snapshot; kept up to
            date.
        orders: filled from the front; of length 0 if they are not wanted.
        trades: (count,) filled from the front; of length 0 if they are not wanted.

    Returns:
        How many orders and trades were filled in, and the first wrong index, -1, or `FULL` if ``orders``
        is too short, which it never is at twice the count and one. Wrong is a type, length or time, an
        action that is none, an added or modified order without price or side, a trade without price.
    """
    n_orders = n_trades = 0
    unfinished = np.full(len(in_snapshot), -1, np.int64)
    for index in range(count):
        row, code = rows[index], codes[index]
        action, sign = _ACTIONS[row["action"]], _SIGNS[row["side"]]
        if not is_sound(rows, index, form, previous) or not _can_be(rows, index, action, sign):
            return n_orders, n_trades, index
        previous = row["ts_recv"]
        flags = _FLAGS[row["flags"]]
        if action >= _SILENT:
            if flags & _LAST and unfinished[code] >= 0:
                orders[unfinished[code]]["flags"] |= _LAST
                unfinished[code] = -1
            if row["action"] == TRADE and len(trades) > 0:
                put_trade(rows, index, code, trades, n_trades, n_orders + n_trades)
                n_trades += 1
        elif len(orders) > 0:
            if n_orders + 2 > len(orders):
                return n_orders, n_trades, FULL
            if flags & _SNAPSHOT:
                flags |= _end_of_snapshot(rows, codes, index)
                if not in_snapshot[code] and action != _CLEAR:
                    _put_clear(rows, index, code, orders[n_orders], n_orders + n_trades, _SNAPSHOT)
                    n_orders += 1
            in_snapshot[code] = flags & _SNAPSHOT != 0
            how = (action, sign, flags)
            _put_change(rows, index, code, orders[n_orders], n_orders + n_trades, how)
            unfinished[code] = -1 if flags & _LAST else n_orders
            n_orders += 1
    return n_orders, n_trades, -1


@inlined
def _can_be(rows: Rows, index: int, action: int, sign: int) -> bool:
    """Whether there is such an action, and what it needs: a price, of an order that is there a side too."""
    row = rows[index]
    has_price = row["price"] != UNDEFINED_PRICE
    is_whole = has_price and (sign != 0 or row["action"] == TRADE)
    return bool(action != _INVALID and (is_whole or not _NEEDS[row["action"]]))


@inlined
def _end_of_snapshot(rows: Rows, codes: Codes, index: int) -> int:
    """Our flag if the record after it is of no snapshot, or of another instrument's."""
    after = index + 1
    goes_on = (
        after < len(rows) and rows[after]["flags"] & _VENUE_SNAPSHOT != 0 and codes[after] == codes[index]
    )
    return 0 if goes_on else _LAST


@inlined
def _put_change(rows: Rows, index: int, code: int, out: Rows, place: int, how: tuple[int, int, int]) -> None:
    if how[0] == _CLEAR:
        _put_clear(rows, index, code, out, place, how[2])
    else:
        _put_order(rows, index, code, out, place, how)


@inlined
def _put_order(rows: Rows, index: int, code: int, out: Rows, place: int, how: tuple[int, int, int]) -> None:
    """Write a change of an order: ``how`` is action, side and flags."""
    row = rows[index]
    out["sequence"] = place
    out["ts_event"] = row["ts_event"]
    out["ts_init"] = row["ts_recv"]
    out["order_id"] = row["order_id"]
    out["price"] = row["price"] if row["price"] != UNDEFINED_PRICE else 0
    out["size"] = row["size"]
    out["instrument"] = code
    out["flags"] = how[2]
    out["action"] = how[0]
    out["side"] = how[1]


@inlined
def _put_clear(rows: Rows, index: int, code: int, out: Rows, place: int, flags: int) -> None:
    """Write that a book is empty: of the record its times alone."""
    row = rows[index]
    out["sequence"] = place
    out["ts_event"] = row["ts_event"]
    out["ts_init"] = row["ts_recv"]
    out["order_id"] = 0
    out["price"] = 0
    out["size"] = 0
    out["instrument"] = code
    out["flags"] = flags
    out["action"] = _CLEAR
    out["side"] = 0
