"""The order of a side's levels: a chain of blocks, changed when a level comes or goes.

Cost: a step for each block of better levels, then a comparison with each level of one block.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from services.marketdata.kernel.book.compile import inlined
from services.marketdata.kernel.book.layout import LEVELS, NO_KEY, Books

FEW: Final = LEVELS // 4
"""A block with no more levels than this takes in its follower, if that is half empty."""


class Spot(NamedTuple):
    """Where a level stands, or belongs."""

    before: int
    """The block before, 0 if there is none."""
    block: int
    """The block, 0 on an empty side."""
    place: int
    """Place in it; `LEVELS` if all of a full last block are better."""


@inlined
def spot_of(books: Books, side: Any, key: int) -> Spot:
    """Where a level stands, or belongs.

    Args:
        books: The books.
        side: `SIDE` row.
        key: Key of the level.
    """
    before, block, after = 0, side.top, books.following[side.top]
    while books.keys[after, 0] >= key:  # never so where no block follows
        before, block, after = block, after, books.following[after]
    place = 0
    for n in range(LEVELS):
        place += books.keys[block, n] > key
    return Spot(before, block, place)


@inlined
def put_in(books: Books, side: Any, key: int, number: int) -> None:
    """Put a new level where it belongs; takes one block at most.

    Args:
        books: Changed.
        side: `SIDE` row; changed, but for its best level.
        key: Key of the level.
        number: Its number.
    """
    keys, numbers = books.keys, books.numbers
    spot = spot_of(books, side, key)
    block, place = spot.block, spot.place
    if block == 0:
        block = side.top = _take_block(books)
    elif keys[block, LEVELS - 1] != NO_KEY:
        follower = _take_block(books)
        books.following[follower] = books.following[block]
        books.following[block] = follower
        if place == LEVELS:
            block, place = follower, 0
        else:
            _move(books, block, place, follower, 0)
    for n in range(LEVELS - 1, place, -1):
        keys[block, n] = keys[block, n - 1]
        numbers[block, n] = numbers[block, n - 1]
    keys[block, place] = key
    numbers[block, place] = number
    side.n_levels += 1


@inlined
def take_out(books: Books, side: Any, key: int) -> None:
    """Take out a level, and its block if it was the last there.

    Args:
        books: Changed.
        side: `SIDE` row; changed, but for its best level.
        key: Key of the level, which is there.
    """
    keys, numbers = books.keys, books.numbers
    spot = spot_of(books, side, key)
    block = spot.block
    for n in range(spot.place, LEVELS - 1):
        keys[block, n] = keys[block, n + 1]
        numbers[block, n] = numbers[block, n + 1]
    wipe(books, block, LEVELS - 1)
    side.n_levels -= 1
    if keys[block, 0] == NO_KEY:
        if spot.before == 0:
            side.top = books.following[block]
        else:
            books.following[spot.before] = books.following[block]
        give_block(books, block)
    elif keys[block, FEW] == NO_KEY:
        _take_in_follower(books, block)


@inlined
def _take_in_follower(books: Books, block: int) -> None:
    """Move the next block's levels into one that has few; so chains stay short."""
    keys, follower = books.keys, books.following[block]
    if follower == 0 or keys[follower, LEVELS // 2] != NO_KEY:
        return
    place = 1
    while keys[block, place] != NO_KEY:
        place += 1
    _move(books, follower, 0, block, place)
    books.following[block] = books.following[follower]
    give_block(books, follower)


@inlined
def _move(books: Books, block: int, first: int, target: int, place: int) -> None:
    """Move a block's levels from a place on to a place in another, which has room for them."""
    for n in range(first, LEVELS):
        if books.keys[block, n] == NO_KEY:
            break
        books.keys[target, place] = books.keys[block, n]
        books.numbers[target, place] = books.numbers[block, n]
        wipe(books, block, n)
        place += 1


@inlined
def wipe(books: Books, block: int, place: int) -> None:
    """Leave no level at a place."""
    books.keys[block, place] = NO_KEY
    books.numbers[block, place] = 0


@inlined
def _take_block(books: Books) -> int:
    """An empty block: one that was given back, or one that was never touched."""
    use = books.use[0]
    use.n_blocks += 1
    block = use.free_block
    if block != 0:
        use.free_block = books.following[block]
        books.following[block] = 0
        return int(block)
    block = use.n_blocks_touched
    use.n_blocks_touched += 1
    for n in range(LEVELS):
        books.keys[block, n] = NO_KEY
    return int(block)


@inlined
def give_block(books: Books, block: int) -> None:
    """Give back a block that is empty."""
    use = books.use[0]
    use.n_blocks -= 1
    books.following[block] = use.free_block
    use.free_block = block
