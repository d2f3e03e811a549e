"""Room for what a slice may bring, made before it is applied, for compiled code cannot make any.

A record takes one level, one order and one block at most. What was given back is used again before new room
is made, so memory is bounded by twice what was in use at one time with one slice on top.
"""

from __future__ import annotations

import numpy as np

from bus.records import Array
from services.marketdata.kernel.book.layout import SLOT, Books
from services.marketdata.kernel.book.slots import rehash
from services.marketdata.kernel.memory import capacity, grown


def room(books: Books, n_rows: int, n_order_records: int, n_level_records: int) -> Books:
    """Books that hold what they held, with room for more.

    Args:
        books: Not to be used any more afterwards; what need not grow is the same array in the result.
        n_rows: Instruments.
        n_order_records: Order records about to be applied.
        n_level_records: Level records about to be applied.

    Returns:
        Books in which arrays that were too short are copied to twice the length, or as often as needed.
    """
    use = books.use[0]
    n_records = n_order_records + n_level_records
    books = _with_rows(books, n_rows)
    books = _with_levels(books, 1 + int(use["n_levels"]) + n_records)
    books = _with_orders(books, 1 + int(use["n_orders"]) + n_order_records)
    return _with_blocks(books, 1 + int(use["n_blocks"]) + n_records)


def _with_rows(books: Books, n_rows: int) -> Books:
    known = len(books.sides)
    return books if n_rows <= known else books._replace(sides=_longer(books.sides, max(known, 1), n_rows))


def _with_levels(books: Books, needed: int) -> Books:
    if needed <= len(books.levels):
        return books
    levels = _longer(books.levels, len(books.levels), needed)
    return books._replace(levels=levels, level_slots=_table(books.level_slots, len(levels)))


def _with_orders(books: Books, needed: int) -> Books:
    if needed <= len(books.orders):
        return books
    orders = _longer(books.orders, len(books.orders), needed)
    return books._replace(orders=orders, order_slots=_table(books.order_slots, len(orders)))


def _with_blocks(books: Books, needed: int) -> Books:
    known = len(books.following)
    if needed <= known:
        return books
    return books._replace(
        keys=_longer(books.keys, known, needed),
        numbers=_longer(books.numbers, known, needed),
        following=_longer(books.following, known, needed),
    )


def _longer(known: Array, size: int, needed: int) -> Array:
    """A copy with ``size`` rows, or as many times two as are needed."""
    return grown(known, np.zeros((capacity(size, needed), *known.shape[1:]), known.dtype))


def _table(slots: Array, n_entries: int) -> Array:
    """A table with twice as many slots as there can be entries."""
    larger = np.zeros(2 * n_entries, SLOT)
    rehash(slots, larger)
    return larger
