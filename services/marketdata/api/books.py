"""Books as they stand: the levels of both sides, and what the book is worth."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from bus.record_codes import BookReason, BookState
from bus.records import PRICE_SCALE
from services.marketdata.api.queries import definition_of
from services.marketdata.engine import MarketData
from services.marketdata.kernel.book.ladder import Ladder, ladder_of
from services.marketdata.kernel.book.layout import blank_books
from shared.face.answer import answer
from shared.face.routes import Routes
from shared.instruments import SCALE, Instrument
from shared.values import Parameters, Reason

MOST_LEVELS: Final = 1_000
"""Levels of a side that are told at most."""

Depth = Annotated[int, Query(ge=1, le=MOST_LEVELS)]
StateName = Literal["syncing", "live", "stale", "crossed"]
ReasonName = Literal[
    "none", "start", "snapshot", "gap", "checksum", "disconnected", "unknown_order", "crossed"
]


class LevelView(msgspec.Struct, frozen=True, kw_only=True):
    """One price and what stands there."""

    price: float
    size: float
    n_orders: int | None
    """Orders that make it up; null where the source gives levels alone."""


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """A book: both sides, best first, and what it is worth."""

    instrument_id: str
    ts_event: int | None = None
    """When it changed last."""
    state: StateName | None = None
    """`syncing` and `stale`: levels are told as they are known, and may be wrong."""
    state_reason: ReasonName | None = None
    bids: list[LevelView] = []
    asks: list[LevelView] = []
    n_bids: int = 0
    """Levels of the whole side."""
    n_asks: int = 0
    reason: Reason | None = None
    n_observations: int = 0
    """Levels of both sides."""
    method: str = "order_book"
    parameters: Parameters = {}


def routes_of(engine: MarketData) -> Routes:
    """Routes of the books."""
    routes = Routes()

    @routes.query("/v1/book/{instrument_id}", BookView, summary="Book of one instrument")
    async def book(request: Request, instrument_id: str, depth: Depth = 10) -> Response:
        """The best levels of both sides, best first, with the state of the book.

        Null and `no_book` where the source gives trades or quotes alone.
        """
        return answer(request, _book(engine, definition_of(engine, instrument_id), depth))

    return routes


def warm() -> None:
    """Compile the reading of a book."""
    ladder_of(blank_books(1), 0, 1, 1)


def _book(engine: MarketData, instrument: Instrument, depth: int) -> BookView:
    name = instrument.instrument_id
    parameters: Parameters = {"depth": depth}
    book = engine.book(name, depth)
    if book is None:
        return BookView(instrument_id=name, reason=Reason.NO_BOOK, parameters=parameters)
    return BookView(
        instrument_id=name,
        ts_event=book.ts_event,
        state=_STATES[book.state],
        state_reason=_REASONS[book.state_reason],
        bids=_levels(book.bids, instrument),
        asks=_levels(book.asks, instrument),
        n_bids=book.bids.n_levels,
        n_asks=book.asks.n_levels,
        n_observations=book.bids.n_levels + book.asks.n_levels,
        parameters=parameters,
    )


def _levels(ladder: Ladder, instrument: Instrument) -> list[LevelView]:
    rows = zip(ladder.prices.tolist(), ladder.sizes.tolist(), ladder.n_orders.tolist(), strict=True)
    return [
        LevelView(
            price=price / PRICE_SCALE,
            size=size * instrument.size_increment / SCALE,
            n_orders=n_orders or None,
        )
        for price, size, n_orders in rows
    ]


_STATES: Final[dict[int, StateName]] = {
    BookState.SYNCING: "syncing",
    BookState.LIVE: "live",
    BookState.STALE: "stale",
    BookState.CROSSED: "crossed",
}
_REASONS: Final[dict[int, ReasonName]] = {
    BookReason.NONE: "none",
    BookReason.START: "start",
    BookReason.SNAPSHOT: "snapshot",
    BookReason.GAP: "gap",
    BookReason.CHECKSUM: "checksum",
    BookReason.DISCONNECTED: "disconnected",
    BookReason.UNKNOWN_ORDER: "unknown_order",
    BookReason.CROSSED: "crossed",
}
