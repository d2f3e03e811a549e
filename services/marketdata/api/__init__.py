"""marketdata over HTTP: instruments, last quotes, books, last trades and last bars."""

from __future__ import annotations

from services.marketdata.api import books, queries
from services.marketdata.engine import MarketData
from shared.face.routes import Routes


def router(engine: MarketData) -> Routes:
    """Everything that marketdata answers."""
    routes = Routes()
    for part in (queries.routes_of(engine), books.routes_of(engine)):
        routes.extend(part)
    return routes


def warm() -> None:
    """Compile the kernel that only requests need."""
    books.warm()
