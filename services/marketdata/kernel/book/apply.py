"""One record into its book: an order, a level, or an empty book.

A book is given by orders or by levels, not by both. The sizes of a level's orders add up to its size, and
they queue in the order of their turn: an order that moves to another price or grows goes to the end, one that
shrinks keeps its turn.

What a record asks for must be possible; otherwise the book does what is certain and the fault is returned,
after which it is only as good as its next snapshot. Prices are integers of at most 2^62 in magnitude in
1e-9, sizes 0 to 2^62 size units, sides +1 or -1, and instruments rows that the books have: the caller has
checked that, and has made room (`services.marketdata.kernel.book.room`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from bus.record_codes import BookAction
from services.marketdata.kernel.book.chain import give_block, wipe
from services.marketdata.kernel.book.compile import inlined, kernel
from services.marketdata.kernel.book.layout import LEVELS, NO_KEY, Books
from services.marketdata.kernel.book.levels import (
    close_level,
    forget_level,
    level_of,
    note_best,
    open_level,
    place_of,
    resize,
)
from services.marketdata.kernel.book.orders import forget_queue, join_queue, leave_queue, order_of
from services.marketdata.kernel.faults import LARGEST


class BookFault(IntEnum):
    """Why a book could not do what a record asked for."""

    NONE = 0
    UNKNOWN_ORDER = 1
    """An order was changed that is not there; nothing was done."""
    DOUBLE_ORDER = 2
    """An order was added that is there; nothing was done."""
    TOO_MUCH_TAKEN = 3
    """More of an order was taken than there was; nothing is left of it."""
    MIXED = 4
    """Orders came for a side made of levels, or levels for one made of orders; nothing was done."""
    TOO_LARGE = 5
    """A level of more than 2^62 size units; the order is not in the book."""


_NONE: Final = int(BookFault.NONE)
_UNKNOWN_ORDER: Final = int(BookFault.UNKNOWN_ORDER)
_DOUBLE_ORDER: Final = int(BookFault.DOUBLE_ORDER)
_TOO_MUCH_TAKEN: Final = int(BookFault.TOO_MUCH_TAKEN)
_MIXED: Final = int(BookFault.MIXED)
_TOO_LARGE: Final = int(BookFault.TOO_LARGE)
_ADD: Final = int(BookAction.ADD)
_MODIFY: Final = int(BookAction.MODIFY)
_CANCEL: Final = int(BookAction.CANCEL)
_CLEAR: Final = int(BookAction.CLEAR)


@inlined
def apply_level(books: Books, record: Any) -> int:
    """Put a level record into its book.

    Args:
        books: Changed; with room for a level.
        record: Of `bus.records.LEVEL`, ``SET`` or ``CLEAR``. Removing a level that is not there is normal.

    Returns:
        A `BookFault`: `NONE` or `MIXED`.
    """
    row, size = record.instrument, record.size
    if record.action == _CLEAR:
        truncate(books, row, 0)
        return _NONE
    place = place_of(record.side)
    side = books.sides[row, place]
    if side.n_orders != 0:
        return _MIXED
    owner, key = 2 * row + place, record.price * record.side
    number = level_of(books, owner, key)
    if number != 0:
        if size != 0:
            resize(books, side, number, size)
        else:
            close_level(books, side, number)
    elif size != 0:
        open_level(books, side, owner, key, size)
    return _NONE


@inlined
def apply_order(books: Books, record: Any) -> int:
    """Put an order record into its book.

    Args:
        books: Changed; with room for an order and a level.
        record: Of `bus.records.ORDER`. Of ``CANCEL`` only id and size count: price and side are the order's.
            An order that is added or modified to a size of 0 is not in the book.

    Returns:
        A `BookFault`.
    """
    row, action, size = record.instrument, record.action, record.size
    if action == _CLEAR:
        truncate(books, row, 0)
        return _NONE
    entry = order_of(books, row, record.order_id)
    if action == _ADD:
        return _DOUBLE_ORDER if entry != 0 else _enter(books, record)
    if entry == 0:
        return _UNKNOWN_ORDER
    order = books.orders[entry]
    if action == _CANCEL:
        fault = _TOO_MUCH_TAKEN if size > order.size else _NONE
        _shrink(books, entry, max(order.size - size, 0))
        return fault
    owner = 2 * row + place_of(record.side)
    level = books.levels[order.level]
    if level.key == record.price * record.side and level.owner == owner and size <= order.size:
        _shrink(books, entry, size)
        return _NONE
    _shrink(books, entry, 0)
    return _enter(books, record)


@inlined
def _enter(books: Books, record: Any) -> int:
    """Put a new order at the end of the queue at its price; returns a `BookFault`."""
    row, size = record.instrument, record.size
    place = place_of(record.side)
    side = books.sides[row, place]
    if side.n_levels != 0 and side.n_orders == 0:
        return _MIXED
    if size == 0:
        return _NONE
    owner, key = 2 * row + place, record.price * record.side
    number = level_of(books, owner, key)
    if number == 0:
        number = open_level(books, side, owner, key, size)
    elif books.levels[number].size > LARGEST - size:
        return _TOO_LARGE
    else:
        resize(books, side, number, books.levels[number].size + size)
    join_queue(books, row, record.order_id, size, number)
    side.n_orders += 1
    return _NONE


@inlined
def _shrink(books: Books, entry: int, size: int) -> None:
    """Make an order smaller without loss of its turn; take it away if nothing is left of it."""
    order = books.orders[entry]
    number, taken = order.level, order.size - size
    level = books.levels[number]
    side = books.sides[order.row, level.owner & 1]
    if size != 0:
        order.size = size
    else:
        leave_queue(books, entry)
        side.n_orders -= 1
    if level.n_orders != 0:
        resize(books, side, number, level.size - taken)
    else:
        close_level(books, side, number)


@kernel
def clear(books: Books, row: int) -> None:
    """Empty a book; its memory is free for others.

    Args:
        books: Changed.
        row: Instrument.
    """
    truncate(books, row, 0)


@kernel
def truncate(books: Books, row: int, n: int) -> None:
    """Keep the best levels alone.

    Args:
        books: Changed.
        row: Instrument.
        n: Levels kept of each side, at least 0.
    """
    for place in range(2):
        side = books.sides[row, place]
        if side.n_levels > n:
            _cut(books, side, n)
            note_best(books, side)


@inlined
def _cut(books: Books, side: Any, n: int) -> None:
    """Drop all levels of a side but the best, with their orders."""
    keys, following = books.keys, books.following
    block, kept, left = side.top, 0, n
    while block != 0:
        after = following[block]
        for place in range(LEVELS):
            if keys[block, place] == NO_KEY:
                break
            if left > 0:
                left -= 1
                continue
            number = books.numbers[block, place]
            side.n_orders -= forget_queue(books, books.levels[number])
            forget_level(books, number)
            wipe(books, block, place)
            side.n_levels -= 1
        if keys[block, 0] != NO_KEY:
            kept = block
        else:
            if kept == 0:
                side.top = 0
            else:
                following[kept] = 0
            give_block(books, block)
        block = after
