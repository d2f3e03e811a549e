"""Venues in miniature: they know the true books of a capture at any moment, and answer a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from services.marketdata.adapter.live.actions import Action, Fetch
from services.marketdata.adapter.live.settings import Venue
from tests.services.marketdata.adapter.live.captures import SYMBOLS, Message, Player

KRAKEN_DEPTH = 1_000

Side = dict[str, str]
"""Sizes of prices, as texts."""


class TrueVenue(ABC):
    """The flow of a capture, whatever became of it on the way to a client."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.books: dict[str, tuple[Side, Side]] = defaultdict(lambda: ({}, {}))
        """Bids and asks of each symbol that was told whole."""
        self.time = 0

    def advance(self, message: Message) -> None:
        """A message of the capture left the venue."""
        self.time = message.time
        self._learn(message)

    def levels(self, symbol: str) -> dict[int, dict[int, int]]:
        """A true book in the numbers of records: prices in 1e-9, as far as they hold them, sizes in 1e-8."""
        bids, asks = self.books[symbol]
        return {1: _numbers(bids), -1: _numbers(asks)}

    @abstractmethod
    def answer(self, action: Action) -> list[Message]:
        """What comes of an action now."""

    @abstractmethod
    def _learn(self, message: Message) -> None: ...

    def _set(self, symbol: str, side: int, levels: Sequence[Sequence[str]]) -> None:
        book = self.books[symbol][side]
        for price, size, *_ in levels:
            if Decimal(size):
                book[price] = size
            else:
                book.pop(price, None)


class Binance(TrueVenue):
    """Snapshots are fetched; they hold the true book with the id of its last update."""

    def __init__(self, venue: Venue, messages: Sequence[Message]) -> None:
        super().__init__(venue)
        self.last: dict[str, int] = {}
        for message in messages:
            if message.fetched:
                data = msgspec.json.decode(message.data)
                self.last[message.fetched] = data["lastUpdateId"]
                self._set(message.fetched, 0, data["bids"])
                self._set(message.fetched, 1, data["asks"])

    def answer(self, action: Action) -> list[Message]:
        """The true book as a snapshot."""
        if not isinstance(action, Fetch):
            return []
        bids, asks = self.books[action.symbol]
        data = {
            "lastUpdateId": self.last[action.symbol],
            "bids": list(bids.items()),
            "asks": list(asks.items()),
        }
        return [Message(self.time, msgspec.json.encode(data), action.symbol)]

    def _learn(self, message: Message) -> None:
        if message.fetched:
            return
        data = msgspec.json.decode(message.data)["data"]
        if data.get("e") == "depthUpdate" and data["u"] > self.last[data["s"]]:
            self.last[data["s"]] = data["u"]
            self._set(data["s"], 0, data["b"])
            self._set(data["s"], 1, data["a"])


class Coinbase(TrueVenue):
    """A subscription is answered by a snapshot on the socket."""

    def answer(self, action: Action) -> list[Message]:
        """A snapshot of each product of a subscription to the book."""
        request = _request(action)
        if request.get("type") != "subscribe" or "level2_batch" not in request["channels"]:
            return []
        known = [product for product in request["product_ids"] if product in self.books]
        return [self._snapshot(product) for product in known]

    def _snapshot(self, product: str) -> Message:
        bids, asks = ([list(level) for level in side.items()] for side in self.books[product])
        data = {"type": "snapshot", "product_id": product, "bids": bids, "asks": asks}
        return Message(self.time, msgspec.json.encode(data))

    def _learn(self, message: Message) -> None:
        data = msgspec.json.decode(message.data)
        if data["type"] == "snapshot":
            self._set(data["product_id"], 0, data["bids"])
            self._set(data["product_id"], 1, data["asks"])
        elif data["type"] == "l2update":
            for side, price, size in data["changes"]:
                self._set(data["product_id"], int(side == "sell"), [(price, size)])


class Kraken(TrueVenue):
    """A subscription is answered by a snapshot on the socket; books keep their depth."""

    def answer(self, action: Action) -> list[Message]:
        """A snapshot of each pair of a subscription to the book."""
        request = _request(action)
        if request.get("event") != "subscribe" or request["subscription"]["name"] != "book":
            return []
        return [self._snapshot(pair) for pair in request["pair"] if pair in self.books]

    def _snapshot(self, pair: str) -> Message:
        time = f"{self.time / 1e9:.6f}"
        bids, asks = ([[*level, time] for level in side.items()] for side in self.books[pair])
        return Message(self.time, msgspec.json.encode([0, {"as": asks, "bs": bids}, "book-1000", pair]))

    def _learn(self, message: Message) -> None:
        data = msgspec.json.decode(message.data)
        if isinstance(data, list) and data[-2] == f"book-{KRAKEN_DEPTH}":
            for part in data[1:-2]:
                self._set(data[-1], 0, part.get("bs", []) + part.get("b", []))
                self._set(data[-1], 1, part.get("as", []) + part.get("a", []))
            bids, asks = self.books[data[-1]]
            for book, is_bids in ((bids, True), (asks, False)):
                if len(book) > KRAKEN_DEPTH:
                    for price in sorted(book, key=Decimal, reverse=is_bids)[KRAKEN_DEPTH:]:
                        del book[price]


def true_venue(venue: Venue, messages: Sequence[Message]) -> TrueVenue:
    """The venue of a capture, before its first message."""
    if venue == "coinbase":
        return Coinbase(venue)
    return Kraken(venue) if venue == "kraken" else Binance(venue, messages)


def disturbed(
    messages: Sequence[Message], victims: tuple[int, int], how: str
) -> list[tuple[Message, list[Message]]]:
    """What leaves the venue, and what arrives in its stead.

    Args:
        messages: The capture.
        victims: Place of a message, and of the next one of its kind.
        how: ``dropped``, ``doubled``, or ``swapped`` with the next one.
    """
    flow = [(message, [message]) for message in messages]
    first, second = (messages[place] for place in victims)
    if how == "dropped":
        flow[victims[0]] = (first, [])
    elif how == "doubled":
        flow[victims[0]] = (first, [first, first])
    else:
        flow[victims[0]], flow[victims[1]] = (first, [second]), (second, [first])
    return flow


def play(
    player: Player,
    venue: TrueVenue,
    flow: Sequence[tuple[Message, list[Message]]],
    lag: int = 0,
    n_answered: int | None = None,
) -> None:
    """Play a flow to its end; what is asked for is answered after ``lag`` more messages.

    Snapshots that were fetched are left out: the true venue answers instead. Of the actions that the player
    had before, all are taken to be answered, by the capture itself, or the given number.
    """
    waiting: list[tuple[int, Action]] = []
    n_seen = len(player.actions) if n_answered is None else n_answered
    for place, (true, arrived) in enumerate(flow):
        venue.advance(true)
        player.play([message for message in arrived if not message.fetched], keep=True)
        waiting += [(place + lag, action) for action in player.actions[n_seen:]]
        n_seen = len(player.actions)
        due = [action for at, action in waiting if at <= place]
        waiting = [(at, action) for at, action in waiting if at > place]
        for action in due:
            player.play(venue.answer(action), keep=True)
    for _, action in waiting:
        player.play(venue.answer(action), keep=True)


def rows(venue: Venue) -> dict[str, int]:
    """Row of each symbol."""
    return {symbol: row for row, symbol in enumerate(SYMBOLS[venue])}


def _numbers(side: Side) -> dict[int, int]:
    found = {int(Decimal(price) * 10**9): int(Decimal(size) * 10**8) for price, size in side.items()}
    return {price: size for price, size in found.items() if price < 2**62}


def _request(action: Action) -> dict[str, Any]:
    if isinstance(action, Fetch):
        return {}
    request: dict[str, Any] = msgspec.json.decode(action.data)
    return request
