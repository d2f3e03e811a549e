"""Which venue is read live, and how."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from services.marketdata.adapter.roster import to_increment
from shared.constraints import NonNegativeInt, PositiveFloat, PositiveInt

Venue = Literal["binance", "binance_futures", "coinbase", "kraken"]
"""Venues whose public channels can be read."""

Channel = Literal["book", "trade", "quote"]
"""What is subscribed to: levels of the book, trades, and quotes that the venue itself makes."""

_PRICE_INCREMENT: Final = 1e-9
_SIZE_INCREMENT: Final = 1e-8


class Addresses(NamedTuple):
    """Where a venue is found."""

    socket: str
    rest: str
    """Empty where snapshots come on the socket."""


ADDRESSES: Final[dict[Venue, Addresses]] = {
    "binance": Addresses("wss://stream.binance.com:9443/stream", "https://api.binance.com"),
    "binance_futures": Addresses("wss://fstream.binance.com/stream", "https://fapi.binance.com"),
    "coinbase": Addresses("wss://ws-feed.exchange.coinbase.com", ""),
    "kraken": Addresses("wss://ws.kraken.com", ""),
}
"""Public addresses of the venues."""


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection to one venue."""

    venue: Annotated[Venue, Meta(description="Venue: binance, binance_futures, coinbase or kraken.")]
    symbols: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Instruments as the venue names them: BTCUSDT, BTC-USD, XBT/USD."),
    ]
    channels: Annotated[
        tuple[Channel, ...],
        Meta(min_length=1, description="What is subscribed to: book, trade, quote."),
    ] = ("book", "trade")
    url: Annotated[str | None, Meta(description="Address of the socket; else the venue's public one.")] = None
    rest_url: Annotated[
        str | None, Meta(description="Address that snapshots are fetched from; else the venue's public one.")
    ] = None
    depth: Annotated[
        PositiveInt, Meta(description="Levels of a side in a snapshot; Kraken has 10, 25, 100, 500 and 1000.")
    ] = 1_000
    price_increments: Annotated[
        dict[str, PositiveFloat],
        Meta(description="Smallest price step of a symbol, quote currency; only told on, else 1e-9."),
    ] = msgspec.field(default_factory=dict)
    size_increments: Annotated[
        dict[str, PositiveFloat],
        Meta(description="Smallest step of a symbol's sizes; sizes are counted in it, else in 1e-8."),
    ] = msgspec.field(default_factory=dict)
    buffered_events: Annotated[
        PositiveInt, Meta(description="Changes of a book that are kept while its snapshot is fetched.")
    ] = 10_000
    stall_seconds: Annotated[
        PositiveFloat, Meta(description="Silence after which a socket counts as disconnected, s.")
    ] = 60.0
    backoff_first_seconds: Annotated[
        PositiveFloat, Meta(description="Longest wait before the first new attempt, s; it doubles each time.")
    ] = 1.0
    backoff_longest_seconds: Annotated[
        PositiveFloat, Meta(description="Longest wait before any new attempt, s.")
    ] = 60.0
    seed: Annotated[NonNegativeInt, Meta(description="Seed of the waits' random part.")] = 0

    @property
    def socket_address(self) -> str:
        """Where the socket is opened."""
        return self.url or ADDRESSES[self.venue].socket

    @property
    def rest_address(self) -> str:
        """Where snapshots are fetched from; empty where they come on the socket."""
        return self.rest_url or ADDRESSES[self.venue].rest

    def instrument_id(self, symbol: str) -> str:
        """Id of an instrument: ``SYMBOL.VENUE``.

        >>> LiveSettings(venue="kraken", symbols=("XBT/USD",)).instrument_id("XBT/USD")
        'XBT/USD.KRAKEN'
        """
        return f"{symbol}.{self.venue.upper()}"

    def price_increment(self, symbol: str) -> int:
        """Smallest price step that is told of an instrument, 1e-9."""
        return to_increment(self.price_increments.get(symbol, _PRICE_INCREMENT))

    def size_increment(self, symbol: str) -> int:
        """What sizes of an instrument are counted in, 1e-9."""
        return to_increment(self.size_increments.get(symbol, _SIZE_INCREMENT))
