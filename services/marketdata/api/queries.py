"""What was published: instruments, last quotes, last trades and last bars."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from bus.record_codes import BarOrigin, Flag, SideOrigin
from bus.records import PRICE_SCALE, Array
from services.marketdata.config import BarRule, parse_bar
from services.marketdata.engine import MarketData
from shared.errors import SettingsError
from shared.face.answer import answer
from shared.face.answers import FieldProblem
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.instruments import SCALE, Instrument
from shared.values import Parameters, Reason

LISTED: Final = 100
MOST_LISTED: Final = 1_000
"""Rows of one answer: if nothing is said, and at most."""

Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Offset = Annotated[int, Query(ge=0)]


class InstrumentView(msgspec.Struct, frozen=True, kw_only=True):
    """Definition of an instrument, in natural units."""

    instrument_id: str
    row: int
    """Its number in the record flow."""
    price_increment: float
    size_increment: float
    multiplier: float
    """Currency value of one price unit for a size of 1."""
    currency: str
    time_zone: str
    """Zone of its venue's sessions."""


class InstrumentList(msgspec.Struct, frozen=True, kw_only=True):
    """Instruments in the order of their rows."""

    n_instruments: int
    offset: int
    instruments: list[InstrumentView]


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    """The last quote of an instrument; an absent side is null, and everything is before the first quote."""

    instrument_id: str
    ts_event: int | None
    ts_init: int | None
    sequence: int | None
    """Its number in the record flow."""
    bid_price: float | None
    ask_price: float | None
    bid_size: float | None
    ask_size: float | None
    crossed: bool | None
    """Whether the bid stands at or above the ask."""
    suspicious: bool | None
    """Whether the source marked it so."""
    reason: Reason | None
    n_observations: int
    """Quotes published since the start."""
    method: str = "last_quote"
    parameters: Parameters = {}


class QuoteList(msgspec.Struct, frozen=True, kw_only=True):
    """Last quotes of instruments, in the order of their rows."""

    ts_event: int | None
    """Time of the newest, ns."""
    as_of_oldest: int | None
    """Time of the oldest, ns."""
    n_instruments: int
    offset: int
    quotes: list[QuoteView]


class TradeView(msgspec.Struct, frozen=True, kw_only=True):
    """A trade."""

    sequence: int
    ts_event: int
    ts_init: int
    price: float
    size: float
    aggressor_side: Literal[-1, 0, 1]
    side_origin: Literal["none", "reported", "quote_rule", "tick_rule"]
    suspicious: bool


class TradeList(msgspec.Struct, frozen=True, kw_only=True):
    """The last trades of an instrument, oldest first."""

    instrument_id: str
    ts_event: int | None
    reason: Reason | None
    """Why there are none."""
    n_observations: int
    """Trades published since the start, of which the last are kept."""
    method: str
    parameters: Parameters
    trades: list[TradeView]


class BarView(msgspec.Struct, frozen=True, kw_only=True):
    """A closed bar, stamped with its close."""

    sequence: int
    ts_open: int
    ts_event: int
    ts_init: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    n_trades: int
    origin: Literal["made", "imported"]


class BarList(msgspec.Struct, frozen=True, kw_only=True):
    """The last bars of one sort of an instrument, oldest first."""

    instrument_id: str
    ts_event: int | None
    reason: Reason | None
    """Why there are none."""
    n_observations: int
    """Bars told."""
    method: str
    parameters: Parameters
    bars: list[BarView]


def routes_of(engine: MarketData) -> Routes:
    """Routes of what was published."""
    routes = Routes()
    _add_lists(routes, engine)
    _add_instruments(routes, engine)
    return routes


def _add_lists(routes: Routes, engine: MarketData) -> None:
    """What is asked of all instruments."""

    @routes.view("/v1/instruments", InstrumentList, summary="What is trading")
    def instruments(*, offset: Offset = 0, limit: Limit = LISTED) -> InstrumentList:
        """Definitions of instruments, a page at a time."""
        shown = [_instrument(row, engine.instruments[row]) for row in _page(engine, offset, limit)]
        return InstrumentList(n_instruments=len(engine.instruments), offset=offset, instruments=shown)

    @routes.view("/v1/quotes", QuoteList, summary="At what price is it trading right now?")
    def quotes(*, offset: Offset = 0, limit: Limit = LISTED) -> QuoteList:
        """The last quote of every instrument, a page at a time."""
        shown = [_quote(engine, engine.instruments[row]) for row in _page(engine, offset, limit)]
        times = [quote.ts_event for quote in shown if quote.ts_event is not None]
        return QuoteList(
            ts_event=max(times, default=None),
            as_of_oldest=min(times, default=None),
            n_instruments=len(engine.instruments),
            offset=offset,
            quotes=shown,
        )


def _add_instruments(routes: Routes, engine: MarketData) -> None:
    """What is asked of one instrument."""

    @routes.view("/v1/quotes/{instrument_id}", QuoteView, summary="Last quote of one instrument")
    def quote(instrument_id: str) -> QuoteView:
        """Both sides as the source gave them, or null with the reason."""
        return _quote(engine, definition_of(engine, instrument_id))

    @routes.query("/v1/trades/{instrument_id}", TradeList, summary="Last trades of one instrument")
    async def trades(request: Request, instrument_id: str, limit: Limit = LISTED) -> Response:
        """The last ones, oldest first.

        Kept are the last few thousand of all instruments together, and the very last of each.
        """
        return answer(request, _trades(engine, definition_of(engine, instrument_id), limit))

    @routes.query("/v1/bars/{instrument_id}", BarList, summary="Last bars of one instrument")
    async def bars(
        request: Request, instrument_id: str, interval: str | None = None, limit: Limit = LISTED
    ) -> Response:
        """The last closed bars of one sort, oldest first; kept are the last few thousand of all instruments.

        `interval` is written as in the setting `marketdata.bars`: `60s`, `volume:1000`, `dollar:1000000`. Not
        given, it is the first of that setting.
        """
        return answer(request, _bars(engine, definition_of(engine, instrument_id), interval, limit))


def _page(engine: MarketData, offset: int, limit: int) -> range:
    """Rows of a page of instruments."""
    return range(offset, min(offset + limit, len(engine.instruments)))


def definition_of(engine: MarketData, instrument_id: str) -> Instrument:
    """Definition of an instrument.

    Raises:
        ConstraintError: no such instrument.
    """
    engine.counts(instrument_id)  # knows whether there is one
    row = engine.instruments.row(instrument_id)
    return engine.instruments[row or 0]


def _instrument(row: int, instrument: Instrument) -> InstrumentView:
    return InstrumentView(
        instrument_id=instrument.instrument_id,
        row=row,
        price_increment=instrument.price_increment / SCALE,
        size_increment=instrument.size_increment / SCALE,
        multiplier=instrument.multiplier / SCALE,
        currency=instrument.currency,
        time_zone=instrument.time_zone,
    )


def _plain(record: Array) -> dict[str, Any]:
    """Fields of a record as plain numbers."""
    return dict(zip(record.dtype.names or (), record.tolist(), strict=True))


def _quote(engine: MarketData, instrument: Instrument) -> QuoteView:
    quote = _plain(engine.last_quote(instrument.instrument_id))
    seen = quote["sequence"] > 0
    figures: dict[str, Any] = {
        name: quote[name] if seen else None for name in ("ts_event", "ts_init", "sequence")
    }
    for side in ("bid", "ask"):
        price, size = quote[f"{side}_price"], quote[f"{side}_size"]
        there = seen and (price != 0 or size != 0)
        figures[f"{side}_price"] = price / PRICE_SCALE if there else None
        figures[f"{side}_size"] = size * instrument.size_increment / SCALE if there else None
    return QuoteView(
        instrument_id=instrument.instrument_id,
        **figures,
        crossed=bool(quote["flags"] & Flag.CROSSED) if seen else None,
        suspicious=bool(quote["flags"] & Flag.SUSPICIOUS) if seen else None,
        reason=None if seen else Reason.NO_QUOTE,
        n_observations=int(engine.counts(instrument.instrument_id)["n_quotes"]),
    )


def _trades(engine: MarketData, instrument: Instrument, limit: int) -> TradeList:
    unit = instrument.size_increment
    shown = [
        TradeView(
            sequence=trade["sequence"],
            ts_event=trade["ts_event"],
            ts_init=trade["ts_init"],
            price=trade["price"] / PRICE_SCALE,
            size=trade["size"] * unit / SCALE,
            aggressor_side=trade["aggressor_side"],
            side_origin=_ORIGINS[trade["side_origin"]],
            suspicious=bool(trade["flags"] & Flag.SUSPICIOUS),
        )
        for trade in map(_plain, engine.recent_trades(instrument.instrument_id, limit))
    ]
    return TradeList(
        instrument_id=instrument.instrument_id,
        ts_event=shown[-1].ts_event if shown else None,
        reason=None if shown else Reason.NO_TRADE,
        n_observations=int(engine.counts(instrument.instrument_id)["n_trades"]),
        method="last_trades",
        parameters={"limit": limit},
        trades=shown,
    )


def _bars(engine: MarketData, instrument: Instrument, interval: str | None, limit: int) -> BarList:
    text = interval or next(iter(engine.config.bars), None)
    rule, step = _sort_of_bar(text, instrument)
    unit = instrument.size_increment
    found = engine.recent_bars(instrument.instrument_id, int(rule.basis), step, limit)
    if len(found) == 0 and rule not in engine.config.bar_rules:
        made = ", ".join(f"`{bar}`" for bar in engine.config.bars) or "none"
        detail = f"expected a sort of bars that is made ({made}) or was imported, found `{text}`"
        raise ProblemError(404, f"{detail}; add it to `marketdata.bars`")
    shown = [
        BarView(
            **{name: bar[name] for name in ("sequence", "ts_open", "ts_event", "ts_init", "n_trades")},
            **{name: bar[name] / PRICE_SCALE for name in ("open", "high", "low", "close")},
            volume=bar["volume"] * unit / SCALE,
            origin="imported" if bar["origin"] == BarOrigin.IMPORTED else "made",
        )
        for bar in map(_plain, found)
    ]
    return BarList(
        instrument_id=instrument.instrument_id,
        ts_event=shown[-1].ts_event if shown else None,
        reason=None if shown else Reason.WARMING_UP,
        n_observations=len(shown),
        method="bars",
        parameters={"interval": text, "basis": rule.basis.name.lower(), "limit": limit},
        bars=shown,
    )


def _sort_of_bar(interval: str | None, instrument: Instrument) -> tuple[BarRule, int]:
    """What an interval stands for, and its step for an instrument.

    Raises:
        ProblemError: it is none.
    """
    name = "interval"
    if interval is None:
        expected = "one such as `60s`, for no bars are made here"
        raise ProblemError.of_values(FieldProblem(field=name, expected=expected, found="nothing"))
    try:
        rule = parse_bar(interval)
        return rule, rule.step_for(instrument.instrument_id, instrument.size_increment)
    except ValueError as error:
        expected = str(error).removeprefix("expected ").partition(", got")[0]
        raise ProblemError.of_values(FieldProblem(field=name, expected=expected, found=interval)) from error
    except SettingsError as error:
        expected = f"a whole number of size units of {instrument.size_increment / SCALE:g}"
        raise ProblemError.of_values(FieldProblem(field=name, expected=expected, found=interval)) from error


_ORIGINS: Final[dict[int, Literal["none", "reported", "quote_rule", "tick_rule"]]] = {
    SideOrigin.NONE: "none",
    SideOrigin.REPORTED: "reported",
    SideOrigin.QUOTE_RULE: "quote_rule",
    SideOrigin.TICK_RULE: "tick_rule",
}
