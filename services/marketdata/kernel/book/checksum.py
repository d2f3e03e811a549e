"""The checksum that Kraken sends with its books (API v1), so that a wrong book is found out.

CRC-32 (IEEE 802.3, as in zlib) of one text: for the ten best asks from low to high, then the ten best bids
from high to low, the price and the size as they were sent, without the point and without leading zeros.
Source: Kraken, "Calculate book checksum (v1)", https://docs.kraken.com/api/docs/guides/spot-ws-book-v1.

The book has been cut to the depth that was subscribed with `truncate`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.marketdata.kernel.book.compile import inlined, kernel
from services.marketdata.kernel.book.layout import LEVELS, NO_KEY, Books
from services.marketdata.kernel.book.levels import place_of

CHECKED: Final = 10
"""Levels of each side that count."""

_POLYNOMIAL: Final = 0xEDB88320
_ALL: Final = 0xFFFFFFFF
_ZERO: Final = ord("0")


def _table() -> NDArray[np.int64]:
    """CRC of each byte alone."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1)
    return table


_TABLE: Final = _table()


@kernel
def checksum(books: Books, row: int, price_decimals: int, size_decimals: int, size_increment: int) -> int:
    """Checksum of a book, 0 to 2^32 - 1.

    Args:
        books: The books.
        row: Instrument.
        price_decimals: Digits after the point of a price as it is sent, 0 to 9.
        size_decimals: Digits after the point of a size as it is sent, 0 to 9.
        size_increment: One size unit, 1e-9.
    """
    price_step = 10 ** (9 - price_decimals)
    size_step = 10 ** (9 - size_decimals)
    crc = _ALL
    for side in (-1, 1):
        block, left = books.sides[row, place_of(side)].top, CHECKED
        while block != 0 and left > 0:
            for place in range(LEVELS):
                key = books.keys[block, place]
                if left == 0 or key == NO_KEY:
                    break
                crc = _with_digits(crc, key * side // price_step)
                crc = _with_digits(
                    crc, books.levels[books.numbers[block, place]].size * size_increment // size_step
                )
                left -= 1
            block = books.following[block]
    return crc ^ _ALL


@inlined
def _with_digits(crc: int, number: int) -> int:
    """A checksum continued over the digits of a number; none for 0, as leading zeros do not count."""
    if number == 0:
        return crc
    power = 1
    while power <= number // 10:
        power *= 10
    while power > 0:
        digit = _ZERO + number // power % 10
        crc = (crc >> 8) ^ _TABLE[(crc ^ digit) & 0xFF]
        power //= 10
    return crc
