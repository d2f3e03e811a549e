"""Books by nautilus_trader, in Rust: all updates in one batch of deltas that was made before."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("nautilus_trader",)

data: Any = import_module("nautilus_trader.model.data")  # has no place in the project's own environment
enums: Any = import_module("nautilus_trader.model.enums")
identifiers: Any = import_module("nautilus_trader.model.identifiers")
model: Any = import_module("nautilus_trader.model.book")
objects: Any = import_module("nautilus_trader.model.objects")

INSTRUMENT: Final = identifiers.InstrumentId.from_str("ESH4.GLBX")


def prepare(arrays: dict[str, Any], _: dict[str, Any]) -> Any:
    """One batch of deltas."""
    columns = (arrays[name].tolist() for name in ("is_bid", "price", "size"))
    return data.OrderBookDeltas(INSTRUMENT, [_delta(*row) for row in zip(*columns, strict=True)])


def _delta(is_bid: bool, price: int, size: int) -> Any:
    side = enums.OrderSide.BUY if is_bid else enums.OrderSide.SELL
    action = enums.BookAction.UPDATE if size else enums.BookAction.DELETE
    order = data.BookOrder(side, objects.Price(price / 1e9, 2), objects.Quantity(size, 0), 0)
    return data.OrderBookDelta(INSTRUMENT, action, order, 0, 0, 0, 0)


def work(deltas: Any) -> Any:
    """All deltas into one new book."""
    book = model.OrderBook(INSTRUMENT, enums.BookType.L2_MBP)
    book.apply_deltas(deltas)
    return book


def answer(book: Any) -> dict[str, Any]:
    """All levels of both sides, best first."""
    return {
        f"{name}_{what}": np.array(values)
        for name, levels in (("bid", book.bids()), ("ask", book.asks()))
        for what, values in (
            ("prices", [round(level.price.as_double() * 1e9) for level in levels]),
            ("sizes", [round(level.size()) for level in levels]),
        )
    }
