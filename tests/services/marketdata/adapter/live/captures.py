"""Captures of venues as messages with their receipt times, and a session's environment played by hand."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from bus.records import Records
from services.marketdata.adapter.live.actions import Action, Fetch, Send
from services.marketdata.adapter.live.live_feed import open_session
from services.marketdata.adapter.live.settings import Channel, LiveSettings, Venue
from services.marketdata.adapter.live.writer import Writer

SYMBOLS: dict[Venue, tuple[str, ...]] = {
    "binance": ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"),
    "binance_futures": ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"),
    "coinbase": (
        *("SKL-USD", "SKL-BTC", "BAND-GBP", "NMR-EUR", "BAND-BTC"),
        *("YFI-BTC", "DASH-BTC", "NU-GBP", "CRV-EUR", "SKL-GBP"),
    ),
    "kraken": (
        *("WAVES/EUR", "XMR/USD", "KSM/XBT", "GRT/ETH", "SC/EUR"),
        *("ETH/CHF", "OCEAN/XBT", "OMG/USD", "XBT/CHF", "ADA/XBT"),
    ),
}
"""Instruments of each capture."""

FILES: dict[Venue, str] = {
    "binance": "BINANCE.ws.1.0.gz",
    "binance_futures": "BINANCE_FUTURES.ws.1.0.gz",
    "coinbase": "COINBASE.ws.28.0.gz",
    "kraken": "KRAKEN.ws.50.0.gz",
}


class Message(NamedTuple):
    """A message, or a snapshot that was fetched, and when it was received."""

    time: int
    data: bytes
    fetched: str = ""
    """Symbol of a snapshot that was fetched."""


def settings(
    venue: Venue, channels: tuple[Channel, ...] = ("book", "trade"), *, quick: bool = False, **more: object
) -> LiveSettings:
    """Settings that read a capture; with short waits between attempts if they shall be quick."""
    if quick:
        more |= {"backoff_first_seconds": 0.02, "backoff_longest_seconds": 0.1}
    data = {"venue": venue, "symbols": SYMBOLS[venue], "channels": channels, **more}
    return msgspec.convert(data, LiveSettings)


@cache
def captured(market_data: Path, venue: Venue) -> tuple[Message, ...]:
    """All messages of a capture, with snapshots where they were received, in the order of receipt."""
    folder = market_data / "crypto_ws"
    found = [
        Message(_nanoseconds(time), data.encode())
        for time, data in _matches(folder / FILES[venue], r"([\d.]+): (.*)")
    ]
    rest = folder / FILES[venue].replace(".ws.1.", ".http.0.")
    if rest.exists() and ".http." in rest.name:
        pattern = r"\S+symbol=(\w+)\S* -> ([\d.]+): (.*)"
        found += [
            Message(_nanoseconds(time), data.encode(), symbol)
            for symbol, time, data in _matches(rest, pattern)
        ]
    return tuple(sorted(found, key=lambda message: message.time))


class Player:
    """Hands a session the messages of a capture and keeps what it writes and wants."""

    def __init__(self, live: LiveSettings) -> None:
        self.writer = Writer()
        self.session = open_session(live, self.writer)
        self.actions: list[Action] = []
        self.session.opened(0)
        self._note()

    def play(self, messages: Iterable[Message], *, keep: bool = False) -> Records:
        """Everything written since the last time and for these messages; nothing yet if it is to be kept."""
        for message in messages:
            if message.fetched:
                self.session.fetched(message.fetched, message.data, message.time)
            else:
                self.session.received(message.data, message.time)
            self._note()
        return Records({}) if keep else self.writer.take()

    def reopen(self, time: int) -> None:
        """A new socket is open."""
        self.session.opened(time)
        self._note()

    @property
    def fetches(self) -> list[Fetch]:
        """Snapshots that were asked for."""
        return [action for action in self.actions if isinstance(action, Fetch)]

    @property
    def sent(self) -> list[dict[str, object]]:
        """Messages that were to be sent."""
        return [msgspec.json.decode(action.data) for action in self.actions if isinstance(action, Send)]

    def _note(self) -> None:
        self.actions += self.session.take_actions()


def _matches(path: Path, pattern: str) -> Iterator[tuple[str, ...]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            match = re.fullmatch(pattern, line.rstrip("\n"))
            if match is not None:
                yield match.groups()


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
