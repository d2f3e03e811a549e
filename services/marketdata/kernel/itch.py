"""Messages of ITCH 5.0 into changes of orders, and trades, one pass over a chunk of a file.

============  ==============================================================================
``A``, ``F``  an order is added
``E``         part of an order was executed at its price: a trade, and that much is cancelled
``C``         the same at another price; no trade where the venue says that it is not printed
``X``, ``D``  part of an order, or its rest, is cancelled
``U``         an order's rest is cancelled and another added, on the same side
``P``, ``Q``  a trade with an order that was not displayed, a cross: trades without a side
============  ==============================================================================

A file begins with the day, so every book with nothing: an empty snapshot stands before the first record of an
instrument. Each message is an event of its own. The aggressor is opposite to the resting side. Messages of
other types give nothing. What is said of an order that was never added is passed on as said, without a price
or a side; of a deletion with size 0, of a replacement the cancellation alone. Integers are big-endian.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from bus.record_codes import BookAction, Flag, SideOrigin
from bus.records import Array
from services.marketdata.kernel.itch_table import NONE, find, put, remove
from shared.kernels.compile import inlined, kernel

LENGTHS: Final = dict(
    zip(
        "SRHYLVWKJhAFECXDUPQBINO",
        (12, 39, 25, 20, 26, 35, 12, 28, 35, 21, 36, 40, 31, 36, 23, 19, 35, 44, 40, 19, 50, 20, 48),
        strict=True,
    )
)
"""Bytes of each type's messages, without the two of the length before them."""

PREFIX_BYTES: Final = 2
"""Bytes before each message that tell its length, or are 0 in files that leave it to the type."""

N_LOCATES: Final = 1 << 16
"""Numbers that an instrument can have in a file."""

SMALLEST: Final = (PREFIX_BYTES + LENGTHS["U"]) // 2
"""Bytes of a file for one change of an order, at least."""

NO_CODE: Final = -1
"""Code of an instrument that has given no record yet."""

PRICE_UNIT: Final = 100_000
"""A price of ITCH in 1e-9."""

DAY_NS: Final = 86_400_000_000_000


class Stop(IntEnum):
    """Why the pass over a chunk ended."""

    END = 0
    """What is left is no whole message."""
    FULL = 1
    """Half of the places of the table of orders are taken."""
    NEW = 2
    """A record for an instrument that has no code."""
    LENGTH = 3
    """A length that is not that of the type."""
    TYPE = 4
    TIME = 5
    """A time below the one before it, or beyond the day."""
    SIDE = 6
    """An order that is neither bought nor sold."""
    SYMBOL = 7
    """A number that stood for another symbol before."""
    SESSION = 8
    """A length of 0 among lengths, which ends the session."""


class At(IntEnum):
    """Where the pass stands: places of the numbers in `Memory.at`."""

    BYTE = 0
    N_ORDERS = 1
    N_TRADES = 2
    TIME = 3
    """ns since midnight."""
    ROW = 4
    """Messages before it in the file."""
    N_LIVE = 5
    """Orders in the table."""
    N_UNKNOWN = 6
    """Messages about orders that were never added."""


class Memory(NamedTuple):
    """What is known from one chunk to the next; changed."""

    table: Array
    """`RESTING` orders."""
    codes: Array
    """(`N_LOCATES`,) i64: code of each instrument, or `NO_CODE`."""
    symbols: Array
    """(`N_LOCATES`, 8) u1: symbol of each instrument, blank where none was told."""
    begun: Array
    """(`N_LOCATES`,) bool: whether the book of each instrument was said to be empty at first."""
    counts: Array
    """(256,) i64: messages of each type."""
    at: Array
    """(7,) i64, see `At`."""


class Output(NamedTuple):
    """Records, filled from the front; of length 0 if they are not wanted."""

    orders: Array
    trades: Array


_LENGTHS: Final = np.zeros(256, np.int64)
for _type, _length in LENGTHS.items():
    _LENGTHS[ord(_type)] = _length

_SYMBOL_AT: Final = np.zeros(256, np.int64)
"""Where each type's messages have their symbol; 0 if they have none that is needed."""
_SYMBOL_AT[list(b"RAFPQ")] = (11, 24, 24, 24, 19)

_GIVES_RECORD: Final = np.zeros(256, np.bool_)
_GIVES_RECORD[list(b"AFECXDUPQ")] = True

_A, _F, _E, _C, _X, _D, _U, _P, _Q, _R = map(ord, "AFECXDUPQR")
_BUY: Final = ord("B")
_SELL: Final = ord("S")
_PRINTABLE: Final = ord("Y")
_SYMBOL_BYTES: Final = 8
_ADD: Final = int(BookAction.ADD)
_CANCEL: Final = int(BookAction.CANCEL)
_CLEAR: Final = int(BookAction.CLEAR)
_LAST: Final = int(Flag.LAST)
_WHOLE: Final = int(Flag.LAST | Flag.SNAPSHOT)
_REPORTED: Final = int(SideOrigin.REPORTED)
_END, _FULL, _NEW, _LENGTH, _TYPE, _TIME, _SIDE, _SYMBOL, _SESSION = map(int, Stop)
_BYTE, _N_ORDERS, _N_TRADES, _AT_TIME, _ROW, _N_LIVE, _N_UNKNOWN = map(int, At)


@kernel
def messages(data: Array, has_lengths: bool, midnight: int, memory: Memory, out: Output) -> int:
    """Decode messages from ``memory.at`` on, until something needs the caller; then go on by calling again.

    Args:
        data: (n,) u1, a chunk that begins with a message.
        has_lengths: whether a message's length stands before it, rather than 0.
        midnight: what the times count from, ns.
        memory: changed.
        out: with room for a change of an order for every `SMALLEST` bytes, and for half as many trades.

    Returns:
        A `Stop`. Unless it is `END` the message at ``memory.at`` has had no effect.
    """
    at = memory.at
    while True:
        start = at[_BYTE]
        if start + PREFIX_BYTES >= len(data):
            return _END
        told = (np.int64(data[start]) << 8) | np.int64(data[start + 1])
        if has_lengths and told == 0:
            return _SESSION
        message = start + PREFIX_BYTES
        type_ = data[message]
        length = _LENGTHS[type_]
        if length == 0:
            return _TYPE
        if told != (length if has_lengths else 0):
            return _LENGTH
        if message + length > len(data):
            return _END
        time = (_number(data, message + 5, 2) << 32) | _number(data, message + 7, 4)
        if time < at[_AT_TIME] or time >= DAY_NS:
            return _TIME
        stop = _decode(data, message, type_, midnight + time, memory, out)
        if stop != _END:
            return stop
        at[_AT_TIME] = time
        at[_BYTE] = message + length
        at[_ROW] += 1
        memory.counts[type_] += 1


@inlined
def _decode(data: Array, message: int, type_: int, time: int, memory: Memory, out: Output) -> int:
    """One message; returns a `Stop`."""
    locate = _number(data, message + 1, 2)
    place = _SYMBOL_AT[type_]
    if place != 0 and not _learn(data, message + place, locate, memory, type_ == _R):
        return _SYMBOL
    if not _GIVES_RECORD[type_]:
        return _END
    if memory.codes[locate] == NO_CODE:
        return _NEW
    if 2 * memory.at[_N_LIVE] >= len(memory.table):
        return _FULL
    if not memory.begun[locate]:
        memory.begun[locate] = True
        zero = np.int64(0)
        _put_order(time, locate, np.uint64(0), (zero, zero, zero), (_CLEAR, _WHOLE), memory, out)
    if type_ in (_A, _F):
        return _add(data, message, time, locate, memory, out)
    if type_ in (_P, _Q):
        _trade_alone(data, message, type_ == _Q, time, locate, memory, out)
    elif type_ == _U:
        _replace(data, message, time, locate, memory, out)
    else:
        _take(data, message, type_, time, locate, memory, out)
    return _END


@inlined
def _add(data: Array, message: int, time: int, locate: int, memory: Memory, out: Output) -> int:
    letter = data[message + 19]
    if letter not in (_BUY, _SELL):
        return _SIDE
    side = np.int64(1) if letter == _BUY else np.int64(-1)
    reference = _reference(data, message + 11)
    size, price = _number(data, message + 20, 4), _number(data, message + 32, 4)
    memory.at[_N_LIVE] += put(memory.table, reference, price, size, side)
    _put_order(time, locate, reference, (price, size, side), (_ADD, _LAST), memory, out)
    return _END


@inlined
def _take(data: Array, message: int, type_: int, time: int, locate: int, memory: Memory, out: Output) -> None:
    """Part of an order or its rest is gone, by execution or cancellation."""
    reference = _reference(data, message + 11)
    place = find(memory.table, reference)
    price: Any = np.int64(0)
    size: Any = np.int64(0)
    side: Any = np.int64(0)
    if place != NONE:
        order = memory.table[place]
        price, size, side = np.int64(order["price"]), np.int64(order["rest"]), np.int64(order["side"])
    else:
        memory.at[_N_UNKNOWN] += 1
    if type_ != _D:
        size = _number(data, message + 19, 4)
    if type_ == _E and place != NONE:
        _put_trade(time, locate, price, size, -side, memory, out)
    elif type_ == _C and data[message + 31] == _PRINTABLE:
        _put_trade(time, locate, _number(data, message + 32, 4), size, -side, memory, out)
    _put_order(time, locate, reference, (price, size, side), (_CANCEL, _LAST), memory, out)
    if place != NONE:
        order = memory.table[place]
        if size >= order["rest"]:
            remove(memory.table, place)
            memory.at[_N_LIVE] -= 1
        else:
            order["rest"] -= np.uint32(size)


@inlined
def _replace(data: Array, message: int, time: int, locate: int, memory: Memory, out: Output) -> None:
    old, new = _reference(data, message + 11), _reference(data, message + 19)
    place = find(memory.table, old)
    if place == NONE:
        memory.at[_N_UNKNOWN] += 1
        zero = np.int64(0)
        _put_order(time, locate, old, (zero, zero, zero), (_CANCEL, _LAST), memory, out)
        return
    order = memory.table[place]
    price, size, side = np.int64(order["price"]), np.int64(order["rest"]), np.int64(order["side"])
    _put_order(time, locate, old, (price, size, side), (_CANCEL, 0), memory, out)
    remove(memory.table, place)
    size, price = _number(data, message + 27, 4), _number(data, message + 31, 4)
    is_new = put(memory.table, new, price, size, side)
    memory.at[_N_LIVE] += np.int64(is_new) - 1
    _put_order(time, locate, new, (price, size, side), (_ADD, _LAST), memory, out)


@inlined
def _trade_alone(
    data: Array, message: int, is_cross: bool, time: int, locate: int, memory: Memory, out: Output
) -> None:
    """A trade that no displayed order took part in; a cross in which nothing traded is none."""
    if is_cross:
        size, price = np.int64(_reference(data, message + 11)), _number(data, message + 27, 4)
    else:
        size, price = _number(data, message + 20, 4), _number(data, message + 32, 4)
    if size != 0:
        _put_trade(time, locate, price, size, np.int64(0), memory, out)


@inlined
def _put_order(
    time: int,
    locate: int,
    reference: Any,
    what: tuple[Any, Any, Any],
    how: tuple[int, int],
    memory: Memory,
    out: Output,
) -> None:
    """Write a change of an order: ``what`` is price in 1e-4, size and side, ``how`` is action and flags."""
    if len(out.orders) == 0:
        return
    at = memory.at
    order = out.orders[at[_N_ORDERS]]
    order["sequence"] = at[_N_ORDERS] + at[_N_TRADES]
    order["ts_event"] = time
    order["ts_init"] = time
    order["order_id"] = reference
    order["price"] = what[0] * PRICE_UNIT
    order["size"] = what[1]
    order["instrument"] = memory.codes[locate]
    order["flags"] = how[1]
    order["action"] = how[0]
    order["side"] = what[2]
    at[_N_ORDERS] += 1


@inlined
def _put_trade(time: int, locate: int, price: Any, size: Any, side: Any, memory: Memory, out: Output) -> None:
    if len(out.trades) == 0:
        return
    at = memory.at
    trade = out.trades[at[_N_TRADES]]
    trade["sequence"] = at[_N_ORDERS] + at[_N_TRADES]
    trade["ts_event"] = time
    trade["ts_init"] = time
    trade["price"] = price * PRICE_UNIT
    trade["size"] = size
    trade["instrument"] = memory.codes[locate]
    trade["aggressor_side"] = side
    trade["side_origin"] = _REPORTED if side != 0 else 0
    trade["flags"] = 0
    at[_N_TRADES] += 1


@inlined
def _learn(data: Array, start: int, locate: int, memory: Memory, is_directory: bool) -> bool:
    """Keep the symbol of an instrument; False if it had another."""
    symbol = memory.symbols[locate]
    if symbol[0] == 0:
        for n in range(_SYMBOL_BYTES):
            symbol[n] = data[start + n]
    elif is_directory:
        for n in range(_SYMBOL_BYTES):
            if symbol[n] != data[start + n]:
                return False
    return True


@inlined
def _number(data: Array, start: int, n_bytes: int) -> Any:
    """An unsigned integer of up to four bytes."""
    value = np.int64(0)
    for n in range(n_bytes):
        value = (value << 8) | np.int64(data[start + n])
    return value


@inlined
def _reference(data: Array, start: int) -> Any:
    """An unsigned integer of eight bytes."""
    return (np.uint64(_number(data, start, 4)) << np.uint64(32)) | np.uint64(_number(data, start + 4, 4))
