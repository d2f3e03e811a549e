"""Records written by hand, and the kernels that fold them into books, as an engine's would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bus.record_codes import BookAction
from bus.records import LEVEL, ORDER, Array
from services.marketdata.kernel.book.ahead import (
    FAR,
    NEAR,
    fetch_level_ahead,
    fetch_order_ahead,
    look_up_level_ahead,
    look_up_order_ahead,
)
from services.marketdata.kernel.book.apply import apply_level, apply_order
from services.marketdata.kernel.book.layout import Books, blank_books
from services.marketdata.kernel.book.read import best, depth, is_crossed, n_levels, queue, top
from services.marketdata.kernel.book.room import room
from shared.kernels.compile import kernel

Ladder = list[tuple[int, int, int]]
"""Price, size and number of orders of each level of a side, best first."""


@kernel
def fold_orders(books: Books, records: Array, faults: Array, bests: Array) -> None:
    """Apply order records one by one; the fault and the best prices after each are written."""
    for n in range(len(records)):
        faults[n] = apply_order(books, records[n])
        bests[n] = _best_row(books, records[n].instrument)


@kernel
def fold_levels(books: Books, records: Array, faults: Array, bests: Array) -> None:
    """Apply level records one by one; the fault and the best prices after each are written."""
    for n in range(len(records)):
        faults[n] = apply_level(books, records[n])
        bests[n] = _best_row(books, records[n].instrument)


@kernel
def fold_ahead(books: Books, orders: Array, levels: Array) -> int:
    """Apply orders and levels with their memory asked for ahead; returns how many had a fault."""
    n_faults = 0
    for n in range(len(orders)):
        look_up_order_ahead(books, orders[min(n + FAR, len(orders) - 1)])
        fetch_order_ahead(books, orders[min(n + NEAR, len(orders) - 1)])
        n_faults += apply_order(books, orders[n]) != 0
    for n in range(len(levels)):
        look_up_level_ahead(books, levels[min(n + FAR, len(levels) - 1)])
        fetch_level_ahead(books, levels[min(n + NEAR, len(levels) - 1)])
        n_faults += apply_level(books, levels[n]) != 0
    return n_faults


@kernel
def _best_row(books: Books, row: int) -> Array:
    return np.array(best(books, row))


@kernel
def levels_of(books: Books, row: int, side: int, n: int, out: Array) -> int:
    """Read `depth` into columns of ``out``, ``(3, n)``."""
    return depth(books, row, side, n, out[0], out[1], out[2])


@kernel
def shape_of(books: Books, row: int) -> tuple[int, int, bool]:
    """Levels of the bid side and of the ask side, and whether they cross."""
    return n_levels(books, row, 1), n_levels(books, row, -1), is_crossed(books, row)


@kernel
def write_top(books: Books, row: int, records: Array) -> None:
    """Write the first of some `bus.records.DEPTH10` records."""
    top(books, row, records[0])


def order(
    action: BookAction, order_id: int, price: int = 0, size: int = 0, *, side: int = 1, row: int = 0
) -> Array:
    """One order record."""
    record = np.zeros(1, ORDER)
    record["action"], record["order_id"], record["side"], record["instrument"] = action, order_id, side, row
    record["price"], record["size"] = price, size
    return record


def level(
    price: int, size: int, *, side: int = 1, row: int = 0, action: BookAction = BookAction.SET
) -> Array:
    """One level record."""
    record = np.zeros(1, LEVEL)
    record["action"], record["side"], record["instrument"] = action, side, row
    record["price"], record["size"] = price, size
    return record


def applied(books: Books, records: Sequence[Array]) -> tuple[Books, list[int], list[tuple[int, ...]]]:
    """Room made and records of one kind applied; the books, the faults and the best prices after each."""
    joined = np.concatenate(records)
    is_order = joined.dtype == ORDER
    rows = int(joined["instrument"].max(initial=0)) + 1
    books = room(books, rows, len(joined) * is_order, len(joined) * (not is_order))
    faults, bests = np.zeros(len(joined), np.int64), np.zeros((len(joined), 4), np.int64)
    (fold_orders if is_order else fold_levels)(books, joined, faults, bests)
    return books, faults.tolist(), [tuple(row) for row in bests.tolist()]


def book_of(*records: Array) -> Books:
    """Books of what such records give."""
    return applied(blank_books(1), records)[0]


def ladder(books: Books, row: int, side: int, n: int = 10_000) -> Ladder:
    """The best levels of a side."""
    out = np.zeros((3, n), np.int64)
    count = levels_of(books, row, side, n, out)
    return [(price, size, n_orders) for price, size, n_orders in out[:, :count].T.tolist()]


def queued(books: Books, row: int, side: int, price: int) -> list[tuple[int, int]]:
    """Ids and sizes of the orders of a level in the order of their turn."""
    order_ids, sizes = np.zeros(1_000, np.uint64), np.zeros(1_000, np.int64)
    count = queue(books, row, side, price, order_ids, sizes)
    return list(zip(order_ids[:count].tolist(), sizes[:count].tolist(), strict=True))


def copied(books: Books) -> Books:
    """What a checkpoint gives back: the same bytes in other arrays."""
    return Books(
        *(np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape).copy() for array in books)
    )


def same_bytes(one: Books, other: Books) -> bool:
    """Whether all arrays are equal to the bit."""
    return all(mine.tobytes() == yours.tobytes() for mine, yours in zip(one, other, strict=True))
