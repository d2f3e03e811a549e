"""Room: enough for what comes, no more than was ever in use, and nothing lost when it grows."""

from __future__ import annotations

import numpy as np

from bus.record_codes import BookAction
from bus.records import LEVEL, ORDER
from services.marketdata.kernel.book.layout import FIRST_ROOM, blank_books
from services.marketdata.kernel.book.room import room
from tests.services.marketdata.kernel.book.folds import applied, ladder

SLICE = 500


def test_enough_room_is_not_touched() -> None:
    """Where nothing has to grow, the arrays are the same ones."""
    books = blank_books(2)

    for mine, yours in zip(room(books, 2, 30, 33), books, strict=True):
        assert mine is yours
    assert len(room(books, 2, 31, 33).levels) == 2 * FIRST_ROOM
    assert len(room(books, 3, 0, 0).sides) == 4
    assert len(room(blank_books(0), 1, 0, 0).sides) == 1


def test_books_survive_growth() -> None:
    """Ten thousand instruments that come one after the other keep their levels and orders."""
    books = blank_books(0)
    for first in range(0, 10_000, 2_500):
        records = np.zeros(5_000, ORDER)
        records["instrument"] = first + np.arange(5_000) // 2
        records["order_id"] = np.arange(5_000) % 2
        records["price"] = records["instrument"] + records["order_id"]
        records["size"], records["side"] = 1 + records["order_id"], 1
        books, faults, _ = applied(books, [records])
        assert not any(faults)

    assert all(ladder(books, row, 1, 5) == [(row + 1, 2, 1), (row, 1, 1)] for row in range(0, 10_000, 97))
    assert sum(array.nbytes for array in books) < 20_000_000


def test_memory_is_flat_while_orders_come_and_go() -> None:
    """What is given back is used again: thousands of orders and clears later nothing has grown."""
    generator = np.random.default_rng(1)
    books, sizes = blank_books(20), set()
    for turn in range(60):
        records = np.zeros(SLICE, ORDER)
        records["instrument"] = generator.integers(0, 20, SLICE)
        records["order_id"] = turn * SLICE + np.arange(SLICE)
        records["price"] = turn + generator.integers(0, 60, SLICE)
        records["size"], records["side"] = 1, generator.choice([-1, 1], SLICE)
        gone = records.copy()
        gone["action"] = BookAction.CANCEL
        books, faults, _ = applied(books, [records, gone[generator.permutation(SLICE)]])
        assert not any(faults)
        if turn > 0:
            sizes.add(sum(array.nbytes for array in books))

    assert books.use[["n_levels", "n_orders", "n_blocks"]].item() == (0, 0, 0)
    assert len(sizes) == 1


def test_memory_is_flat_while_instruments_come_and_go() -> None:
    """Books that are cleared make room for those of others."""
    books, sizes = blank_books(200), set()
    for turn in range(40):
        records = np.zeros(10 * 40 + 10, LEVEL)
        records["instrument"] = (turn * 10 + np.arange(410) % 10) % 200
        records["action"], records["size"], records["side"] = BookAction.SET, 1, 1
        records["price"] = turn + np.arange(410) // 10
        records["action"][400:] = BookAction.CLEAR
        books, faults, _ = applied(books, [records])
        assert not any(faults)
        sizes.add(sum(array.nbytes for array in books))

    assert int(books.use["n_levels"][0]) == 0
    assert len(sizes) == 1
