"""Orders of ITCH that are alive, by their reference: an open-addressing hash table in one array.

What ITCH says of an order later names neither its instrument's price nor its side, so both are kept until
nothing of the order is left. Places are found by Fibonacci hashing and linear probing; what is removed leaves
no mark, for those behind it move up (Knuth, *The Art of Computer Programming* 3, 6.4, algorithm R).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.records import Array
from shared.kernels.compile import inlined, kernel

RESTING: Final = np.dtype(
    [("reference", "<u8"), ("price", "<u4"), ("rest", "<u4"), ("side", "i1"), ("reserved", "u1", (7,))]
)
"""One order; price in 1e-4, ``side`` +1 bid, -1 ask, 0 where no order is. 24 bytes."""

NONE: Final = -1
"""Place of an order that is not there."""

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_UPPER: Final = np.uint64(32)


def empty(n_places: int) -> Array:
    """A table without orders; ``n_places`` is a power of two."""
    return np.zeros(n_places, RESTING)


@kernel
def grown(table: Array, larger: Array) -> None:
    """Put every order of a table into a larger, empty one."""
    for place in range(len(table)):
        order = table[place]
        if order["side"] != 0:
            put(larger, order["reference"], order["price"], order["rest"], order["side"])


@inlined
def find(table: Array, reference: Any) -> int:
    """Place of an order, `NONE` if it is not there."""
    place = _home(table, reference)
    while table[place]["side"] != 0:
        if table[place]["reference"] == reference:
            return place
        place = (place + 1) & (len(table) - 1)
    return NONE


@inlined
def put(table: Array, reference: Any, price: Any, rest: Any, side: Any) -> bool:
    """Put an order in, over one of the same reference; returns whether there was none. It has to fit."""
    place = _home(table, reference)
    while table[place]["side"] != 0 and table[place]["reference"] != reference:
        place = (place + 1) & (len(table) - 1)
    order = table[place]
    is_new = order["side"] == 0
    order["reference"] = reference
    order["price"] = price
    order["rest"] = rest
    order["side"] = side
    return bool(is_new)


@inlined
def remove(table: Array, place: int) -> None:
    """Take an order out."""
    mask = len(table) - 1
    hole, place = place, (place + 1) & mask
    while table[place]["side"] != 0:
        home = _home(table, table[place]["reference"])
        if ((place - home) & mask) >= ((place - hole) & mask):
            _move(table, place, hole)
            hole = place
        place = (place + 1) & mask
    table[hole]["side"] = 0


@inlined
def _move(table: Array, start: int, end: int) -> None:
    order, moved = table[start], table[end]
    moved["reference"] = order["reference"]
    moved["price"] = order["price"]
    moved["rest"] = order["rest"]
    moved["side"] = order["side"]


@inlined
def _home(table: Array, reference: Any) -> int:
    """Where an order belongs."""
    mixed = (np.uint64(reference) * _GOLDEN) >> _UPPER
    return int(np.int64(mixed) & (len(table) - 1))
