"""Copies of books for people: the best levels of a side, and what the book is worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bus.records import Array
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.book.read import BID, depth


class Ladder(NamedTuple):
    """The best levels of one side, best first."""

    prices: Array
    """1e-9."""
    sizes: Array
    """Size units."""
    n_orders: Array
    """0 where the source gives levels alone."""
    n_levels: int
    """Levels of the whole side."""


class Book(NamedTuple):
    """A book as it stands."""

    state: int
    """A `bus.record_codes.BookState`."""
    state_reason: int
    """A `bus.record_codes.BookReason`."""
    ts_event: int | None
    """When it changed last, ns."""
    bids: Ladder
    asks: Ladder


def ladder_of(books: Books, row: int, side: int, n: int) -> Ladder:
    """Copy of the best levels of one side (+1 bids, -1 asks)."""
    prices, sizes, n_orders = np.zeros((3, n), np.int64)
    count = depth(books, row, side, n, prices, sizes, n_orders)
    place = 0 if side == BID else 1
    return Ladder(prices[:count], sizes[:count], n_orders[:count], int(books.sides[row, place]["n_levels"]))
