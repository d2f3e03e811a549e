"""Coinbase Exchange: ``snapshot``, ``l2update``, ``match`` and ``ticker``.

Sizes in ``l2update`` are absolute and 0 removes a level. ``side`` of a match is the maker's: the other took.

**What can be found missing.** Matches are numbered without holes for each product, so one that is missing or
comes again is found. Messages that carry ``sequence_num`` are numbered for the whole connection, so there
everything is found. An ``l2update`` has nothing but its time. One that comes again, letter by letter, or
whose time lies before that of the one before it, is found. One that was left out, and two of the very same
microsecond that changed places, cannot be found here: until the next snapshot they show at most as a crossed
book. What stands against that is the socket's own order and completeness (TCP); a loss of the socket is told.

A ticker makes a quote where it has sizes; older messages have none, and none is invented.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from bus.record_codes import BookReason
from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.live.actions import Action, Send, refusal
from services.marketdata.adapter.live.decimals import Decimals
from services.marketdata.adapter.live.session import Line, Session
from services.marketdata.adapter.live.settings import LiveSettings
from services.marketdata.adapter.live.writer import Writer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHANNELS: Final = {"book": "level2_batch", "trade": "matches", "quote": "ticker"}
_ALIVE: Final = "heartbeat"
_TAKER: Final = {"sell": 1, "buy": -1}
_SIDE: Final = {"buy": 1, "sell": -1}


class _Message(msgspec.Struct, tag_field="type", kw_only=True):
    sequence_num: int | None = None


class Snapshot(_Message, tag="snapshot", kw_only=True):
    """A whole book."""

    product_id: str
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    time: datetime | None = None


class Update(_Message, tag="l2update", kw_only=True):
    """Changes of a book, each with its side, price and size."""

    product_id: str
    changes: list[tuple[Literal["buy", "sell"], str, str]]
    time: datetime


class Match(_Message, tag="match", kw_only=True):
    """A trade; ``side`` is the maker's."""

    product_id: str
    trade_id: int
    side: Literal["buy", "sell"]
    price: str
    size: str
    time: datetime


class LastMatch(_Message, tag="last_match", kw_only=True):
    """The last trade before the subscription, which is not news."""

    product_id: str
    trade_id: int


class Ticker(_Message, tag="ticker", kw_only=True):
    """Best bid and ask."""

    product_id: str
    best_bid: str
    best_ask: str
    best_bid_size: str | None = None
    best_ask_size: str | None = None
    time: datetime | None = None


class Heartbeat(_Message, tag="heartbeat", kw_only=True):
    """A sign of life, once a second and product."""


class Subscriptions(_Message, tag="subscriptions", kw_only=True):
    """What is subscribed to now."""


class Refusal(_Message, tag="error", kw_only=True):
    """The venue refuses something."""

    message: str
    reason: str = ""


_Any = Snapshot | Update | Match | LastMatch | Ticker | Heartbeat | Subscriptions | Refusal


class _Product(Line):
    """One product, and what its last update was."""

    def __init__(self, symbol: str, row: int, sizes: Decimals) -> None:
        super().__init__(symbol, row, sizes)
        self.last_update = b""
        self.last_time = _EPOCH

    def forget(self) -> None:
        """Nothing is known of the flow any more."""
        super().forget()
        self.last_update, self.last_time = b"", _EPOCH


class CoinbaseSession(Session):
    """All products of one connection."""

    notes = (
        "coinbase: changes of a book carry no number, so one that the venue leaves out cannot be found.",
    )

    def __init__(self, settings: LiveSettings, writer: Writer) -> None:
        super().__init__(settings, writer)
        self._products = {name: _Product(name, *self._define(name)) for name in settings.symbols}
        self._decode = msgspec.json.Decoder(_Any).decode
        self._number: int | None = None

    def opened(self, ts_init: int) -> None:
        """The socket is open: subscribe; snapshots come on it."""
        self._number = None
        super().opened(ts_init)

    def received(self, data: bytes, ts_init: int) -> None:
        """A message arrived; see `Session.received`."""
        self.writer.arrive(ts_init)
        try:
            message = self._decode(data)
        except msgspec.MsgspecError as error:
            advice = "Report the venue's new format."
            raise fault(self.settings.venue, "a message of its channels", str(error), advice) from error
        if message.sequence_num is not None and not self._continues(message.sequence_num):
            return
        match message:
            case Update():
                self._on_update(message, data)
            case Match():
                self._on_match(message)
            case Snapshot():
                self._on_snapshot(message)
            case Ticker():
                self._on_ticker(message)
            case LastMatch():
                self._product(message.product_id).trade_id = message.trade_id
            case Refusal():
                raise refusal(self.settings.venue, "a subscription", f"{message.message} {message.reason}")

    def _continues(self, number: int) -> bool:
        """Hold a message of a numbered connection against the one before; returns whether it is news."""
        previous, self._number = self._number, max(number, self._number or 0)
        if previous is None or number == previous + 1:
            return True
        for product in self._products.values():
            self._lose(product, BookReason.GAP)
        return number > previous

    def _on_update(self, message: Update, data: bytes) -> None:
        product = self._product(message.product_id)
        if not product.is_whole:
            return
        if message.time < product.last_time or data == product.last_update:
            self._lose(product, BookReason.GAP)
            return
        prices, sizes = self._level_prices, product.sizes
        changes = [(prices[price], sizes[size], _SIDE[side]) for side, price, size in message.changes]
        product.last_time, product.last_update = message.time, data
        self.writer.levels(product.row, _nanoseconds(message.time), self._told(changes))

    def _on_snapshot(self, message: Snapshot) -> None:
        product = self._product(message.product_id)
        levels = self._changes(product, 1, message.bids) + self._changes(product, -1, message.asks)
        time = self.writer.ts_init if message.time is None else _nanoseconds(message.time)
        product.forget()
        product.is_whole = True
        self.writer.snapshot(product.row, time, self._told(levels))

    def _on_match(self, message: Match) -> None:
        product = self._product(message.product_id)
        price, size = self._prices[message.price], product.sizes[message.size]
        if self._count_trade(product, message.trade_id):
            self.writer.trade(product.row, _nanoseconds(message.time), price, size, _TAKER[message.side])

    def _on_ticker(self, message: Ticker) -> None:
        product = self._product(message.product_id)
        if message.best_bid_size is None or message.best_ask_size is None:
            return
        prices, sizes = self._prices, product.sizes
        time = self.writer.ts_init if message.time is None else _nanoseconds(message.time)
        bid = (prices[message.best_bid], sizes[message.best_bid_size])
        ask = (prices[message.best_ask], sizes[message.best_ask_size])
        self.writer.quote(product.row, time, bid, ask)

    def _product(self, symbol: str) -> _Product:
        product = self._products.get(symbol)
        if product is None:
            raise self._unknown(symbol)
        return product

    def _lines(self) -> Iterable[Line]:
        return self._products.values()

    def _subscriptions(self) -> list[Action]:
        channels = [_CHANNELS[channel] for channel in self.settings.channels]
        return [_request("subscribe", list(self._products), [*channels, _ALIVE])]

    def _resync(self, line: Line) -> None:
        self._actions += [_request(verb, [line.symbol], [_CHANNELS["book"]]) for verb in _ANEW]


_ANEW: Final = ("unsubscribe", "subscribe")


def _request(verb: str, products: list[str], channels: list[str]) -> Send:
    return Send(msgspec.json.encode({"type": verb, "product_ids": products, "channels": channels}))


def _nanoseconds(time: datetime) -> int:
    """A time of the venue, which has microseconds, in ns since 1970."""
    since = time - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
