"""Binance's messages, as far as they are read: decimals stay texts, and an event's symbol is its stream's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec


class DepthEvent(
    msgspec.Struct,
    rename={
        "time": "E",
        "first": "U",
        "last": "u",
        "previous": "pu",
        "bids": "b",
        "asks": "a",
    },
    gc=False,
):
    """Changes of a book."""

    time: int
    first: int
    last: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    previous: int | None = None


class TradeEvent(
    msgspec.Struct,
    rename={"time": "T", "trade_id": "a", "price": "p", "size": "q", "buyer_is_maker": "m"},
    gc=False,
):
    """An aggregate trade."""

    time: int
    trade_id: int
    price: str
    size: str
    buyer_is_maker: bool


class QuoteEvent(
    msgspec.Struct,
    rename={"bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A", "time": "T"},
    gc=False,
):
    """Best bid and ask; spot says no time."""

    bid: str
    bid_size: str
    ask: str
    ask_size: str
    time: int | None = None


class Snapshot(msgspec.Struct, rename={"last": "lastUpdateId", "time": "E"}):
    """Answer of the REST endpoint; spot says no time."""

    last: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: int | None = None


class Refusal(msgspec.Struct):
    """An error's own fields."""

    code: int
    msg: str


class Other(msgspec.Struct, rename={"event": "e", "symbol": "s", "size": "B"}):
    """As much of any message as tells what it is."""

    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    event: str | None = None
    symbol: str = ""
    size: str | None = None
    error: Refusal | None = None


Read = Callable[[bytes | msgspec.Raw], Any]
"""Reads a message of one kind."""


class Kind(NamedTuple):
    """A kind of event."""

    plain: Read
    in_envelope: Read
    """Reads it as ``data`` of a combined stream's message."""


def _kind(event: Any) -> Kind:
    envelope = msgspec.defstruct("Envelope", [("data", event)], gc=False)
    return Kind(msgspec.json.Decoder(event).decode, msgspec.json.Decoder(envelope).decode)


KINDS: Final = {
    "depthUpdate": _kind(DepthEvent),
    "aggTrade": _kind(TradeEvent),
    "bookTicker": _kind(QuoteEvent),
}
"""Kinds by the name that an event gives itself; a spot ``bookTicker`` gives none."""

read_other: Final = msgspec.json.Decoder(Other).decode
read_snapshot: Final = msgspec.json.Decoder(Snapshot).decode
