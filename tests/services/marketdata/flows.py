"""Feeds written by hand, and what an engine makes of them in a form that reads well in an assert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bus.record_codes import BookAction, BookReason, BookState, Flag
from bus.records import (
    BAR,
    BOOK_STATE,
    FEED_KINDS,
    KINDS,
    LEVEL,
    ORDER,
    PRICE_SCALE,
    QUOTE,
    TRADE,
    Array,
    Records,
)
from services.marketdata.engine import MarketData
from shared.instruments import Instrument, to_records

SECOND = 10**9


def nanoseconds(seconds: float) -> int:
    """Seconds as integer ns."""
    return round(seconds * SECOND)


def price_units(price: float) -> int:
    """A price as an integer in 1e-9."""
    return round(price * PRICE_SCALE)


class Flow:
    """A feed that is written one record at a time, in order."""

    def __init__(self, *instruments: Instrument | str, at: float = 0.0) -> None:
        self._parts: list[Array] = []
        for row, instrument in enumerate(instruments):
            self.define(row, instrument, at)

    def define(self, row: int, instrument: Instrument | str, at: float) -> Flow:
        """Add the definition of a row."""
        if isinstance(instrument, str):
            instrument = Instrument(instrument_id=instrument)
        return self._add(to_records([instrument], row, nanoseconds(at)), at, at)

    def trade(
        self,
        at: float,
        price: float,
        size: int = 1,
        *,
        side: int = 0,
        row: int = 0,
        seen: float | None = None,
        **fields: int,
    ) -> Flow:
        """Add a trade; ``at`` is when it happened, ``seen`` when it was received."""
        record = np.zeros(1, TRADE)
        record["price"], record["size"] = price_units(price), size
        record["aggressor_side"], record["instrument"] = side, row
        return self._add(record, at, at if seen is None else seen, fields)

    def quote(
        self,
        at: float,
        bid: float,
        ask: float,
        *,
        row: int = 0,
        seen: float | None = None,
        **fields: int,
    ) -> Flow:
        """Add a quote; a side with price 0 is absent."""
        record = np.zeros(1, QUOTE)
        record["bid_price"], record["ask_price"] = price_units(bid), price_units(ask)
        record["bid_size"], record["ask_size"] = 10 * (bid != 0), 10 * (ask != 0)
        record["instrument"] = row
        return self._add(record, at, at if seen is None else seen, fields)

    def bar(self, at: float, *prices: float, volume: int = 1, row: int = 0, **fields: int) -> Flow:
        """Add an imported one-minute bar that closes ``at``: open, high, low, close."""
        record = np.zeros(1, BAR)
        for name, price in zip(("open", "high", "low", "close"), prices, strict=True):
            record[name] = price_units(price)
        record["volume"], record["instrument"] = volume, row
        record["basis"], record["step"] = 1, 60 * SECOND
        record["ts_open"] = nanoseconds(at) - 60 * SECOND
        return self._add(record, at, at, fields)

    def level(
        self,
        at: float,
        price: float,
        size: int,
        *,
        side: int = 0,
        row: int = 0,
        flags: int = Flag.LAST,
        action: int = BookAction.SET,
    ) -> Flow:
        """Add a level: a bid below 100 and an ask from there on, unless a side is given."""
        record = np.zeros(1, LEVEL)
        record["price"], record["size"], record["instrument"] = price_units(price), size, row
        record["side"], record["action"] = side or (1 if price < 100 else -1), action
        return self._add(record, at, at, {"flags": int(flags)})

    def snapshot(self, at: float, *levels: tuple[float, int], row: int = 0) -> Flow:
        """Add a whole book of levels: prices and sizes."""
        self.level(at, 0, 0, row=row, flags=Flag.SNAPSHOT, action=BookAction.CLEAR)
        for number, (price, size) in enumerate(levels, start=1):
            last = Flag.LAST if number == len(levels) else Flag(0)
            self.level(at, price, size, row=row, flags=Flag.SNAPSHOT | last)
        return self

    def order(
        self,
        at: float,
        action: BookAction,
        order_id: int,
        price: float = 0,
        size: int = 0,
        *,
        row: int = 0,
        flags: int = Flag.LAST,
    ) -> Flow:
        """Add the change of an order: a bid below 100 and an ask from there on."""
        record = np.zeros(1, ORDER)
        record["price"], record["size"], record["instrument"] = price_units(price), size, row
        record["side"], record["action"], record["order_id"] = 1 if price < 100 else -1, action, order_id
        return self._add(record, at, at, {"flags": int(flags)})

    def state(self, at: float, state: BookState, reason: BookReason, row: int = 0) -> Flow:
        """Add what the feed knows of a book."""
        record = np.zeros(1, BOOK_STATE)
        record["state"], record["state_reason"], record["instrument"] = state, reason, row
        return self._add(record, at, at)

    def records(self) -> Records:
        """The feed."""
        kinds: dict[str, list[Array]] = {}
        for part in self._parts:
            kind = next(name for name, dtype in FEED_KINDS.items() if dtype == part.dtype)
            kinds.setdefault(kind, []).append(part)
        return Records({kind: np.concatenate(parts) for kind, parts in kinds.items()})

    def _add(self, record: Array, at: float, seen: float, fields: dict[str, int] | None = None) -> Flow:
        record["sequence"] = len(self._parts) + 1
        record["ts_event"], record["ts_init"] = nanoseconds(at), nanoseconds(seen)
        for name, value in (fields or {}).items():
            record[name] = value
        self._parts.append(record)
        return self


def play(engine: MarketData, feed: Records, lengths: Iterable[int] = ()) -> Records:
    """Everything an engine says to a feed that is cut into these lengths, numbered as one flow.

    The last length goes on to the end.
    """
    said: list[Records] = []
    base = 0
    for part in pieces(feed, lengths):
        results = engine.on_records(part)
        said.append(results.numbered_from(base))
        base += len(results)
    return Records.joined(said)


def pieces(feed: Records, lengths: Iterable[int]) -> Iterator[Records]:
    """A feed in slices of these lengths; the last one as long as it takes."""
    rest = feed
    for length in lengths:
        if len(rest) <= length:
            break
        head, rest = rest.split_at_sequence(rest.first_sequence + length)
        yield head
    if len(rest):
        yield rest


def in_order(records: Records) -> list[tuple[str, Any]]:
    """Kind and record of every record, by sequence."""
    rows = [(kind, record) for kind, array in records for record in array]
    return sorted(rows, key=lambda row: int(row[1]["sequence"]))


def same_bytes(one: Records, other: Records) -> bool:
    """Whether two flows are the same, byte for byte."""
    return all(one[kind].tobytes() == other[kind].tobytes() for kind in KINDS)


def kinds_of(records: Records) -> str:
    """Kinds of all records in order, a letter each: Instrument, Quote, Trade, Bar, Clock, Depth, State."""
    return "".join("s" if kind == "book_state" else kind[0] for kind, _ in in_order(records))


def clocks(records: Records) -> list[float]:
    """Times of the clock records, seconds."""
    return [int(record["ts_init"]) / SECOND for record in records.clock]


def bars(records: Records) -> list[tuple[float, ...]]:
    """Close time in seconds, open, high, low, close, volume and number of trades of the bars."""
    return [
        (
            int(record["ts_event"]) / SECOND,
            *(int(record[name]) / PRICE_SCALE for name in ("open", "high", "low", "close")),
            int(record["volume"]),
            int(record["n_trades"]),
        )
        for record in records.bar
    ]


def sides(records: Records) -> list[tuple[int, int]]:
    """Aggressor side and its origin of the trades."""
    return [(int(record["aggressor_side"]), int(record["side_origin"])) for record in records.trade]
