"""Where books live: levels, orders, and the order of levels, in arrays shared by all instruments.

A level has a number for as long as it is there, and is found by its price in a hash table; an order
likewise, by its id. So an update of what is there, which most are, touches one place whatever the depth is.
In what order the levels of a side stand is kept apart, in a chain of blocks, which changes only when a level
comes or goes: best block first, and in a block up to `LEVELS` levels, best first.

Levels are sorted by their *key*, the price times the side's sign (+1 bids, -1 asks): the higher key is the
better level of either side, so one code serves both. Places beyond a block's levels have the key `NO_KEY`.

Number 0 means "none", of levels, orders and blocks; block 0 stays empty, so that an empty side can be read
like any other. Else every number is 0 in blank books, and room that was never used takes no memory.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import Array

LEVELS: Final = 16
"""Levels that a block has room for."""

NO_KEY: Final = -(2**63)
"""Key of a place without a level; below that of every level."""

SIDE: Final = np.dtype(
    [
        ("best_key", "<i8"),
        ("best_size", "<i8"),
        ("best_level", "<i4"),
        ("top", "<i4"),
        ("n_levels", "<i4"),
        ("n_orders", "<i4"),
    ]
)
"""One side of a book: its best level, of size 0 if there is none, its first block, how many levels it has,
and how many orders, of which a book of levels has none."""

LEVEL_ENTRY: Final = np.dtype(
    [
        ("key", "<i8"),
        ("size", "<i8"),
        ("owner", "<u4"),
        ("first", "<i4"),
        ("last", "<i4"),
        ("n_orders", "<i4"),
    ]
)
"""One level: its side (twice the row, and 1 more for asks), and the chain of its orders from the first to
have its turn to the last. Of an entry that is free, ``first`` is the next free one."""

ORDER_ENTRY: Final = np.dtype(
    [
        ("order_id", "<u8"),
        ("size", "<i8"),
        ("row", "<u4"),
        ("level", "<i4"),
        ("before", "<i4"),
        ("after", "<i4"),
    ]
)
"""One order: the number of its level, and its neighbours there. Of an entry that is free, ``after`` is the
next free one."""

SLOT: Final = np.dtype([("hash", "<u4"), ("number", "<i4")])
"""One place of a hash table: the number of what is there, 0 if nothing is, and its hash."""

USE: Final = np.dtype(
    [
        ("n_levels", "<i4"),
        ("n_levels_touched", "<i4"),
        ("free_level", "<i4"),
        ("n_orders", "<i4"),
        ("n_orders_touched", "<i4"),
        ("free_order", "<i4"),
        ("n_blocks", "<i4"),
        ("n_blocks_touched", "<i4"),
        ("free_block", "<i4"),
    ]
)
"""What is in use: levels, one more than ever were in use at one time, and the first free one of these; the
same of orders and of blocks."""


class Books(NamedTuple):
    """All books; changed by every update."""

    sides: Array
    """`SIDE` of each instrument, ``(n_instruments, 2)``: bids, asks."""
    levels: Array
    """`LEVEL_ENTRY` of each level."""
    level_slots: Array
    """`SLOT` rows of the levels' hash table, a power of two."""
    orders: Array
    """`ORDER_ENTRY` of each order."""
    order_slots: Array
    """`SLOT` rows of the orders' hash table, a power of two."""
    keys: Array
    """Keys of levels in order, ``(n_blocks, LEVELS)``, i64."""
    numbers: Array
    """Their numbers, ``(n_blocks, LEVELS)``, i32; 0 where no level is."""
    following: Array
    """The next block of each, with worse levels, ``(n_blocks,)``, i32."""
    use: Array
    """One `USE` row."""


FIRST_ROOM: Final = 64
"""Levels, orders and blocks that blank books have room for, less one, and half the slots of a hash table."""


def blank_books(n_rows: int) -> Books:
    """Books of instruments of which nothing is known.

    >>> books = blank_books(2)
    >>> books.sides.shape, int(books.sides["n_levels"].sum())
    ((2, 2), 0)
    """
    use = np.zeros(1, USE)
    use["n_levels_touched"] = use["n_orders_touched"] = use["n_blocks_touched"] = 1  # number 0 means none
    keys = np.zeros((FIRST_ROOM, LEVELS), np.int64)
    keys[0] = NO_KEY
    return Books(
        sides=np.zeros((n_rows, 2), SIDE),
        levels=np.zeros(FIRST_ROOM, LEVEL_ENTRY),
        level_slots=np.zeros(2 * FIRST_ROOM, SLOT),
        orders=np.zeros(FIRST_ROOM, ORDER_ENTRY),
        order_slots=np.zeros(2 * FIRST_ROOM, SLOT),
        keys=keys,
        numbers=np.zeros((FIRST_ROOM, LEVELS), np.int32),
        following=np.zeros(FIRST_ROOM, np.int32),
        use=use,
    )
