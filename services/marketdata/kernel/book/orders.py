"""Orders: found by id, entered at the end of a queue, made smaller where they stand, taken away.

An id is unique within an instrument.
"""

from __future__ import annotations

from typing import Any

from services.marketdata.kernel.book.compile import inlined
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.book.slots import hash_of, point_no_more, point_to


@inlined
def order_of(books: Books, row: int, order_id: int) -> int:
    """Number of an order, 0 if it is not there."""
    hashed = hash_of(row, order_id)
    mask = len(books.order_slots) - 1
    at = hashed & mask
    while books.order_slots[at].number != 0:
        if books.order_slots[at].hash == hashed:
            number = books.order_slots[at].number
            if books.orders[number].order_id == order_id and books.orders[number].row == row:
                return int(number)
        at = (at + 1) & mask
    return 0


@inlined
def join_queue(books: Books, row: int, order_id: int, size: int, number: int) -> None:
    """Enter a new order at the end of the queue of a level, whose size is the caller's to change."""
    use, level = books.use[0], books.levels[number]
    use.n_orders += 1
    entry = use.free_order
    if entry != 0:
        use.free_order = books.orders[entry].after
    else:
        entry = use.n_orders_touched
        use.n_orders_touched += 1
    order = books.orders[entry]
    order.order_id, order.row, order.size, order.level = order_id, row, size, number
    order.before, order.after = level.last, 0
    if level.n_orders == 0:
        level.first = entry
    else:
        books.orders[level.last].after = entry
    level.last = entry
    level.n_orders += 1
    point_to(books.order_slots, hash_of(row, order_id), entry)


@inlined
def leave_queue(books: Books, entry: int) -> None:
    """Take an order away, from its queue too; the size of the level is the caller's to change."""
    order = books.orders[entry]
    level = books.levels[order.level]
    if order.before != 0:
        books.orders[order.before].after = order.after
    else:
        level.first = order.after
    if order.after != 0:
        books.orders[order.after].before = order.before
    else:
        level.last = order.before
    level.n_orders -= 1
    forget_order(books, entry)


@inlined
def forget_order(books: Books, entry: int) -> None:
    """Free the entry of an order, whatever its neighbours are."""
    use, order = books.use[0], books.orders[entry]
    point_no_more(books.order_slots, hash_of(order.row, order.order_id), entry)
    order.order_id = order.size = order.row = order.level = order.before = 0
    order.after = use.free_order
    use.free_order = entry
    use.n_orders -= 1


@inlined
def forget_queue(books: Books, level: Any) -> int:
    """Free the entries of all orders of a level; returns how many they were."""
    entry = level.first
    while entry != 0:
        after = books.orders[entry].after
        forget_order(books, entry)
        entry = after
    return int(level.n_orders)
