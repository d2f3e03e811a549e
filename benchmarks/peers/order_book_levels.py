"""Books by order_book, in C: a level set or deleted, and the best of both sides read after each."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("order_book",)

order_book: Any = import_module("order_book")  # has no place in the project's own environment


def prepare(arrays: dict[str, Any], _: dict[str, Any]) -> list[tuple[bool, int, int]]:
    """Python numbers, which are what it is fastest with."""
    columns = (arrays[name].tolist() for name in ("is_bid", "price", "size"))
    return list(zip(*columns, strict=True))


def work(updates: list[tuple[bool, int, int]]) -> Any:
    """All updates of one book; a side that is empty reads as zeros."""
    book = order_book.OrderBook()
    bids, asks = book.bids, book.asks
    bests = []
    for is_bid, price, size in updates:
        side = bids if is_bid else asks
        if size:
            side[price] = size
        else:
            del side[price]
        bests.append((bids.index(0) if len(bids) else (0, 0), asks.index(0) if len(asks) else (0, 0)))
    return bests


def answer(result: Any) -> dict[str, Any]:
    """Best bid, its size, best ask and its size after each update."""
    return {"bests": np.array(result, np.int64).reshape(-1, 4)}
