"""Records of DBN into ours, one pass over a block.

``rows`` are records as they lie in the file, ``codes`` (n,) the instrument of each. Everything that is wrong
is left to the caller to explain: the first index at which something is wrong is returned, -1 if nothing is.
What is checked: the record's type and length, a receipt time that is not below the one before, and the price
of a trade. All times are ns, all prices 1e-9.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bus.record_codes import Flag
from shared.kernels.compile import inlined, kernel

UNDEFINED_PRICE: Final = 2**63 - 1
"""A price that is not there."""

TRADE: Final = ord("T")
"""Action of a trade."""
DOUBTS: Final = 0b1100
"""Bits of their flags: a bad receipt time, a book that may be bad."""

_BUYER: Final = ord("B")
_SELLER: Final = ord("A")
_SUSPICIOUS: Final = int(Flag.SUSPICIOUS)
_CROSSED: Final = int(Flag.CROSSED)

Rows = NDArray[Any]
"""Structured array, of one DBN record type or one of ours."""

Codes = NDArray[np.uint32]
"""Instruments, each its place in the file's roster."""


@kernel
def trades(rows: Rows, codes: Codes, form: tuple[int, int], previous: int, out: Rows) -> int:
    """Decode records of schema ``trades`` into ``out`` (n,), numbered from 0.

    Args:
        rows: (n,) records.
        codes: (n,) instruments.
        form: record type, and length in words of 4 bytes.
        previous: receipt time of the record before them, ns.
        out: (n,) trades.

    Returns:
        The first wrong index, -1 if there is none.
    """
    for index in range(len(rows)):
        if not is_sound(rows, index, form, previous) or rows[index]["price"] == UNDEFINED_PRICE:
            return index
        previous = rows[index]["ts_recv"]
        put_trade(rows, index, codes[index], out, index, index)
    return -1


@kernel
def best_quotes(
    rows: Rows,
    codes: Codes,
    form: tuple[int, int],
    previous: int,
    last: NDArray[np.int64],
    quotes: Rows,
    trades: Rows,
) -> tuple[int, int, int]:
    """Decode records of schema ``mbp-1`` or ``tbbo`` into quotes and trades, numbered together from 0.

    A quote is given where price or size differs from ``last``; of a record that gives both, it is first.

    Args:
        rows: (n,) records.
        codes: (n,) instruments.
        form: record type, and length in words of 4 bytes.
        previous: receipt time of the record before them, ns.
        last: (n_instruments, 4) bid price, ask price, bid size, ask size of the last quote; kept up to date.
        quotes: (n,) filled from the front; of length 0 if quotes are not wanted.
        trades: (n,) filled from the front; of length 0 if trades are not wanted.

    Returns:
        How many quotes and trades were filled in, and the first wrong index or -1.
    """
    n_quotes = n_trades = 0
    for index in range(len(rows)):
        is_trade = len(trades) > 0 and rows[index]["action"] == TRADE
        if not is_sound(rows, index, form, previous):
            return n_quotes, n_trades, index
        if is_trade and rows[index]["price"] == UNDEFINED_PRICE:
            return n_quotes, n_trades, index
        previous = rows[index]["ts_recv"]
        code = codes[index]
        if len(quotes) > 0 and _has_changed(rows, index, last, code):
            _put_quote(rows, index, code, last, quotes, n_quotes, n_quotes + n_trades)
            n_quotes += 1
        if is_trade:
            put_trade(rows, index, code, trades, n_trades, n_quotes + n_trades)
            n_trades += 1
    return n_quotes, n_trades, -1


@inlined
def is_sound(rows: Rows, index: int, form: tuple[int, int], previous: int) -> bool:
    """Whether a record is of this type and length, and was not received before ``previous``, ns."""
    row = rows[index]
    is_form = row["rtype"] == form[0] and row["length"] == form[1]
    return bool(is_form and row["ts_recv"] >= previous)


@inlined
def put_trade(rows: Rows, index: int, code: int, out: Rows, at: int, place: int) -> None:
    """Write a record as trade ``at``, with ``place`` as its number."""
    row, trade = rows[index], out[at]
    sign = (row["side"] == _BUYER) - (row["side"] == _SELLER)
    trade["sequence"] = place
    trade["ts_event"] = row["ts_event"]
    trade["ts_init"] = row["ts_recv"]
    trade["price"] = row["price"]
    trade["size"] = row["size"]
    trade["instrument"] = code
    trade["aggressor_side"] = sign
    trade["side_origin"] = sign != 0
    trade["flags"] = _SUSPICIOUS if row["flags"] & DOUBTS else 0


@inlined
def _has_changed(rows: Rows, index: int, last: NDArray[np.int64], code: int) -> bool:
    """Whether the best bid or ask differs from the instrument's last one, which is then replaced."""
    row = rows[index]
    bid_price, bid_size = row["bid_price"], np.int64(row["bid_size"])
    ask_price, ask_size = row["ask_price"], np.int64(row["ask_size"])
    if bid_price == UNDEFINED_PRICE or bid_size == 0:
        bid_price = bid_size = np.int64(0)
    if ask_price == UNDEFINED_PRICE or ask_size == 0:
        ask_price = ask_size = np.int64(0)
    best = last[code]
    if bid_price == best[0] and ask_price == best[1] and bid_size == best[2] and ask_size == best[3]:
        return False
    best[0], best[1], best[2], best[3] = bid_price, ask_price, bid_size, ask_size
    return True


@inlined
def _put_quote(
    rows: Rows, index: int, code: int, last: NDArray[np.int64], out: Rows, at: int, place: int
) -> None:
    row, quote, best = rows[index], out[at], last[code]
    is_crossed = best[2] > 0 and best[3] > 0 and best[0] >= best[1]
    quote["sequence"] = place
    quote["ts_event"] = row["ts_event"]
    quote["ts_init"] = row["ts_recv"]
    quote["bid_price"] = best[0]
    quote["ask_price"] = best[1]
    quote["bid_size"] = best[2]
    quote["ask_size"] = best[3]
    quote["instrument"] = code
    quote["flags"] = (_SUSPICIOUS if row["flags"] & DOUBTS else 0) | (_CROSSED if is_crossed else 0)
