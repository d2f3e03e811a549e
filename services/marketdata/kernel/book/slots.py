"""Hash tables from levels and orders to their numbers.

Open addressing: a search goes from the home of what is sought to the first empty slot; a table is at most
half full. What is taken out leaves no mark, for those behind it move up: a search stays short however much
comes and goes. Hash: multiplicative (Knuth, "The Art of Computer Programming" 3, 6.4), the upper bits of a
product with an odd number near 2^64 divided by the golden ratio.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bus.records import Array
from services.marketdata.kernel.book.compile import inlined, kernel

_OWNER_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)


@inlined
def hash_of(owner: int, code: int) -> int:
    """Hash of an owner's key or order id, 0 to 2^32 - 1."""
    mixed = np.uint64(code) + np.uint64(owner) * _OWNER_FACTOR
    mixed = (mixed ^ (mixed >> _HALF)) * _FACTOR
    return int(np.int64(mixed >> _HALF))


@inlined
def point_to(slots: Array, hashed: int, number: int) -> None:
    """Put a number into a table where it is not."""
    mask = len(slots) - 1
    at = hashed & mask
    while slots[at].number != 0:
        at = (at + 1) & mask
    slots[at].hash = hashed
    slots[at].number = number


@inlined
def point_no_more(slots: Array, hashed: int, number: int) -> None:
    """Take a number out of a table where it is."""
    mask = len(slots) - 1
    gap = hashed & mask
    while slots[gap].number != number:
        gap = (gap + 1) & mask
    at = (gap + 1) & mask
    while slots[at].number != 0:
        home = np.int64(slots[at].hash) & mask
        if (at - home) & mask >= (at - gap) & mask:  # its way from home leads over the gap
            slots[gap].hash = slots[at].hash
            slots[gap].number = slots[at].number
            gap = at
        at = (at + 1) & mask
    slots[gap].hash = 0
    slots[gap].number = 0


@kernel
def rehash(slots: Array, larger: Array) -> None:
    """Put all numbers of a table into a larger one.

    Args:
        slots: `SLOT` rows.
        larger: The same, blank; written.
    """
    for at in range(len(slots)):
        if slots[at].number != 0:
            point_to(larger, int(np.int64(slots[at].hash)), slots[at].number)
