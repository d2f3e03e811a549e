"""How the CSV files of Tardis are told from others, and what their columns are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.marketdata.adapter.settings import Kind

STAMPS: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
"""The first columns of every file; both times are in us since 1970."""

CHANGES: Final = ("is_snapshot", "side", "price", "amount")
"""Columns of ``incremental_book_L2`` behind the stamps."""

FIRST_LEVEL: Final = ("asks[0].price", "asks[0].amount", "bids[0].price", "bids[0].amount")
"""The first columns of ``book_snapshot_5`` and ``book_snapshot_25`` behind the stamps."""

_TRADES: Final = ("id", "side", "price", "amount")
_QUOTES: Final = ("ask_amount", "ask_price", "bid_price", "bid_amount")

TABLES: Final[Mapping[tuple[str, ...], tuple[Kind, Mapping[str, str]]]] = {
    _TRADES: ("trade", {"price": "price", "size": "amount", "aggressor_side": "side"}),
    _QUOTES: (
        "quote",
        {name: name.replace("size", "amount") for name in ("bid_price", "ask_price")}
        | {"bid_size": "bid_amount", "ask_size": "ask_amount"},
    ),
}
"""Columns behind the stamps of files of trades or quotes, and which of our fields they are."""


def is_tardis(start: bytes) -> bool:
    r"""Whether a text that begins like this has the columns of a Tardis file.

    >>> is_tardis(b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n")
    True
    >>> is_tardis(b"exchange,symbol,timestamp,local_timestamp,price,amount\n")
    False
    """
    line, end, _ = start.decode("utf-8", "replace").partition("\n")
    names = line.rstrip("\r").split(",")
    if not end:
        names.pop()
    return rest_of(tuple(names)) is not None


def rest_of(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The columns behind the stamps, of a snapshot the first of them; None if it is no file that is known."""
    rest = names[len(STAMPS) :]
    if names[: len(STAMPS)] != STAMPS:
        return None
    if rest in (CHANGES, *TABLES):
        return rest
    return FIRST_LEVEL if rest[: len(FIRST_LEVEL)] == FIRST_LEVEL else None
