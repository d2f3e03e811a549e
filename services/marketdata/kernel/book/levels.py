"""Levels: found by price, made, made larger or smaller, and taken away."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.marketdata.kernel.book.chain import put_in, take_out
from services.marketdata.kernel.book.compile import inlined, kernel
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.book.slots import hash_of, point_no_more, point_to


@inlined
def place_of(side: int) -> int:
    """Place of a side (+1 bids, -1 asks) in the second dimension of the sides: 0 or 1."""
    return int((1 - np.int64(side)) >> 1)


@inlined
def level_of(books: Books, owner: int, key: int) -> int:
    """Number of a level, 0 if it is not there.

    Args:
        books: The books.
        owner: Its side: twice the row, and 1 more for asks.
        key: Its key.
    """
    hashed = hash_of(owner, key)
    mask = len(books.level_slots) - 1
    at = hashed & mask
    while books.level_slots[at].number != 0:
        if books.level_slots[at].hash == hashed:
            number = books.level_slots[at].number
            if books.levels[number].key == key and books.levels[number].owner == owner:
                return int(number)
        at = (at + 1) & mask
    return 0


@inlined
def resize(books: Books, side: Any, number: int, size: int) -> None:
    """Give a level that stays another size."""
    books.levels[number].size = size
    is_best = -np.int64(number == side.best_level)  # all bits or none: no branch, as none could be foretold
    side.best_size ^= (side.best_size ^ size) & is_best


@kernel
def open_level(books: Books, side: Any, owner: int, key: int, size: int) -> int:
    """Make a level that is not there; returns its number."""
    use = books.use[0]
    use.n_levels += 1
    number = use.free_level
    if number != 0:
        use.free_level = books.levels[number].first
    else:
        number = use.n_levels_touched
        use.n_levels_touched += 1
    level = books.levels[number]
    level.key, level.size, level.owner = key, size, owner
    level.first = level.last = level.n_orders = 0
    point_to(books.level_slots, hash_of(owner, key), number)
    put_in(books, side, key, number)
    note_best(books, side)
    return int(number)


@kernel
def close_level(books: Books, side: Any, number: int) -> None:
    """Take a level away; its orders must be gone."""
    take_out(books, side, books.levels[number].key)
    forget_level(books, number)
    note_best(books, side)


@inlined
def forget_level(books: Books, number: int) -> None:
    """Free the entry of a level that stands in no chain any more."""
    use, level = books.use[0], books.levels[number]
    point_no_more(books.level_slots, hash_of(level.owner, level.key), number)
    level.key = level.size = level.owner = level.last = level.n_orders = 0
    level.first = use.free_level
    use.free_level = number
    use.n_levels -= 1


@inlined
def note_best(books: Books, side: Any) -> None:
    """Remember which level is the best of a side now."""
    number = books.numbers[side.top, 0]
    side.best_level = number
    side.best_key = books.levels[number].key
    side.best_size = books.levels[number].size
