"""Kraken's checksum, against its published example, zlib, and every message of a capture."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bus.record_codes import BookAction
from bus.records import LEVEL, PRICE_SCALE, Array
from services.marketdata.kernel.book.apply import truncate
from services.marketdata.kernel.book.checksum import checksum
from services.marketdata.kernel.book.layout import Books, blank_books
from services.marketdata.kernel.faults import LARGEST
from tests.services.marketdata.kernel.book.folds import applied, book_of, level

DEPTH = 1_000
"""What the capture subscribed."""


def test_the_published_example() -> None:
    """Kraken's own example: ten asks from 0.05005, ten bids from 0.05000, each of 0.00000500."""
    asks = [5005 + 5 * n for n in range(10)]
    bids = [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950]
    levels = [
        level(price * 10_000, 500, side=side) for side, prices in ((-1, asks), (1, bids)) for price in prices
    ]

    assert checksum(book_of(*levels), 0, 5, 8, 10) == 974947235


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 30])
def test_any_book_as_zlib_has_it(n: int) -> None:
    """Less than ten levels give what there is, more the ten best; a size unit may be any power of ten."""
    generator = np.random.default_rng(n)
    prices = {side: sorted(generator.permutation(5_000)[:n].tolist(), reverse=side > 0) for side in (-1, 1)}
    sizes = generator.integers(1, 10**12, 5_000).tolist()
    text = "".join(f"{price or ''}{sizes[price] * 100}" for side in (-1, 1) for price in prices[side][:10])
    records = [level(p * 10**7, sizes[p], side=side) for side in (-1, 1) for p in prices[side]]
    books = book_of(*records) if records else blank_books(1)

    assert checksum(books, 0, 2, 6, 100_000) == zlib.crc32(text.encode())


def messages(path: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Pair and parts of each book message of a capture."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            found = json.loads(line.split(": ", 1)[1]) if ": [" in line else None
            if found and "book-" in found[-2]:
                yield found[-1], found[1:-2]


def level_records(parts: list[dict[str, Any]], row: int) -> Array:
    """What a message says, as level records: a snapshot clears first.

    One ask of 9,999,999,997 francs, the last of its side, is more than a record can hold, and left out.
    """
    rows = [
        (side, BookAction.SET, int(Decimal(price) * PRICE_SCALE), int(Decimal(size) * 10**8))
        for part in parts
        for name, side in (("as", -1), ("bs", 1), ("a", -1), ("b", 1))
        for price, size, *_ in part.get(name, [])
        if Decimal(price) < LARGEST // PRICE_SCALE
    ]
    if "as" in parts[0]:
        rows.insert(0, (1, BookAction.CLEAR, 0, 0))
    records = np.zeros(len(rows), LEVEL)
    records["side"], records["action"], records["price"], records["size"] = zip(*rows, strict=True)
    records["instrument"] = row
    return records


def test_every_checksum_of_a_capture(market_data: Path) -> None:
    """All 4,269 checksums of ten pairs are ours, the book cut to the subscribed depth before each."""
    books: Books = blank_books(10)
    rows: dict[str, int] = {}
    decimals: dict[str, int] = {}
    n_equal = n_messages = 0
    for pair, parts in messages(market_data / "crypto_ws" / "KRAKEN.ws.50.0.gz"):
        row = rows.setdefault(pair, len(rows))
        if "as" in parts[0]:
            decimals[pair] = len(parts[0]["as"][0][0].split(".")[1])
        books, faults, _ = applied(books, [level_records(parts, row)])
        truncate(books, row, DEPTH)
        n_messages += 1
        assert not any(faults)
        if "c" in parts[-1]:
            n_equal += checksum(books, row, decimals[pair], 8, 10) == int(parts[-1]["c"])

    assert (n_messages, n_equal, len(rows)) == (4_279, 4_269, 10)
