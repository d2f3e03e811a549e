"""Books as they stand: the best prices, the best levels, the orders of a level."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bus.records import N_LEVELS, Array
from services.marketdata.kernel.book.compile import inlined, kernel
from services.marketdata.kernel.book.layout import LEVELS, NO_KEY, Books
from services.marketdata.kernel.book.levels import level_of, place_of

BID: Final = 1
ASK: Final = -1
"""Sides, as in the ``side`` field of records."""


class Best(NamedTuple):
    """Best prices, 1e-9, and their sizes, size units; price and size are 0 where a side is empty."""

    bid_price: int
    bid_size: int
    ask_price: int
    ask_size: int


@inlined
def best(books: Books, row: int) -> Best:
    """Best bid and ask of an instrument.

    Args:
        books: The books.
        row: Instrument.
    """
    bid, ask = books.sides[row, 0], books.sides[row, 1]
    return Best(bid.best_key, bid.best_size, -ask.best_key, ask.best_size)


@inlined
def is_crossed(books: Books, row: int) -> bool:
    """Whether the best bid is at or above the best ask; False where a side is empty."""
    bid, ask = books.sides[row, 0], books.sides[row, 1]
    return bool(bid.best_size != 0 and ask.best_size != 0 and bid.best_key >= -ask.best_key)


@inlined
def n_levels(books: Books, row: int, side: int) -> int:
    """Levels of a side (+1 bids, -1 asks)."""
    return int(books.sides[row, place_of(side)].n_levels)


@inlined
def depth(books: Books, row: int, side: int, n: int, prices: Array, sizes: Array, n_orders: Array) -> int:
    """Read the best levels of a side, best first.

    Args:
        books: The books.
        row: Instrument.
        side: +1 bids, -1 asks.
        n: Most levels wanted; the arrays are at least as long.
        prices: Written from the front, 1e-9.
        sizes: Likewise, size units.
        n_orders: Likewise; orders at the level, 0 in a book of levels.

    Returns:
        Levels written.
    """
    block, count = books.sides[row, place_of(side)].top, 0
    while block != 0:
        for place in range(LEVELS):
            key = books.keys[block, place]
            if count == n or key == NO_KEY:
                break
            prices[count] = key * side
            level = books.levels[books.numbers[block, place]]
            sizes[count] = level.size
            n_orders[count] = level.n_orders
            count += 1
        if count == n:
            break
        block = books.following[block]
    return count


@kernel
def top(books: Books, row: int, record: Any) -> None:
    """Write the ten best levels of both sides.

    Args:
        books: The books.
        row: Instrument.
        record: Of `bus.records.DEPTH10`; prices, sizes and counts are written, all other fields are left.
    """
    record.n_bids = _ladder(books, row, BID, record.bid_prices, record.bid_sizes)
    record.n_asks = _ladder(books, row, ASK, record.ask_prices, record.ask_sizes)


@inlined
def _ladder(books: Books, row: int, side: int, prices: Array, sizes: Array) -> int:
    block, count = books.sides[row, place_of(side)].top, 0
    while block != 0 and count < N_LEVELS:
        for place in range(LEVELS):
            key = books.keys[block, place]
            if count == N_LEVELS or key == NO_KEY:
                break
            prices[count] = key * side
            sizes[count] = books.levels[books.numbers[block, place]].size
            count += 1
        block = books.following[block]
    for n in range(count, N_LEVELS):
        prices[n] = sizes[n] = 0
    return count


@kernel
def queue(books: Books, row: int, side: int, price: int, order_ids: Array, sizes: Array) -> int:
    """Read the orders of a level in the order of their turn.

    Args:
        books: The books.
        row: Instrument.
        side: +1 bids, -1 asks.
        price: Price of the level, 1e-9.
        order_ids: Written from the front as far as it is long, u64.
        sizes: Likewise, size units; as long.

    Returns:
        Orders written; 0 where there is no such level, or one that was given without orders.
    """
    number = level_of(books, 2 * row + place_of(side), price * side)
    entry, count = books.levels[number].first, 0
    while entry != 0 and count < len(order_ids):
        order_ids[count] = books.orders[entry].order_id
        sizes[count] = books.orders[entry].size
        entry = books.orders[entry].after
        count += 1
    return count
