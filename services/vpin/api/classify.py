"""``POST /v1/classify``: sides of trades that are sent, by one of the published rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta
from starlette.responses import Response

from bus.records import Array
from services.vpin.api.tape import PRINTS, QUOTES, Print, Quote, quotes_of, trades_of
from services.vpin.kernel.classification import (
    chakrabarty_li_nguyen_van_ness,
    ellis_michaely_ohara,
    lee_ready,
    prevailing,
    quote_rule,
    tick_rule,
)
from shared.face.answers import FieldProblem
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.face.table import Table, no_table
from shared.values import Parameters

Rule = Literal[
    "tick_rule", "quote_rule", "lee_ready", "ellis_michaely_ohara", "chakrabarty_li_nguyen_van_ness"
]

_BY_QUOTE: Final[dict[str, Callable[[Array, Array, Array, Array], Array]]] = {
    "quote_rule": quote_rule,
    "lee_ready": lee_ready,
    "ellis_michaely_ohara": ellis_michaely_ohara,
    "chakrabarty_li_nguyen_van_ness": chakrabarty_li_nguyen_van_ness,
}


class ClassifyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trades of one instrument, the quotes around them, and the rule."""

    trades: Annotated[msgspec.Raw, PRINTS]
    classification: Rule
    quotes: Annotated[msgspec.Raw, QUOTES] = msgspec.field(default_factory=no_table)
    quote_lag_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="How much older than a trade its quote is.")
    ] = 0.0


class ClassifyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Sides in the order of the trades."""

    sides: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "array", "items": {"enum": [-1, 0, 1]}})]
    """Buyer 1, seller -1; 0 where the quote rule has none, at the mid-price or without a quote."""
    ts_event: int
    as_of_oldest: int
    n_observations: int
    """Trades."""
    method: str
    parameters: Parameters


EXAMPLE: Final = {
    "classification": "lee_ready",
    "trades": [{"ts_event": 2, "price": 100.5}, {"ts_event": 3, "price": 100.0}],
    "quotes": [{"ts_event": 1, "bid_price": 99.5, "ask_price": 100.5}],
}


def routes() -> Routes:
    """The computation."""
    found = Routes()

    @found.computation(
        "/v1/classify",
        ClassifyAnswer,
        summary="Sides of trades that are sent",
        request=ClassifyRequest,
        example=EXAMPLE,
        also=(Print, Quote),
    )
    async def classify(exchange: Exchange) -> Response:
        """Who took liquidity, after Lee and Ready (1991), Ellis et al. (2000) or Chakrabarty et al. (2007).

        The quote of a trade is the last strictly before it, less the lag. Every rule but the tick rule needs
        quotes.
        """
        request = exchange.document(ClassifyRequest)
        trades = await exchange.table(request.trades, "trades", Print)
        quotes = await exchange.optional_table(request.quotes, "quotes", Quote)
        by_quote = request.classification != "tick_rule"
        if by_quote and quotes is None:
            expected = f"quotes, with `{request.classification}`"
            raise ProblemError.of_values(FieldProblem(field="quotes", expected=expected, found="nothing"))
        signs = await exchange.compute(sides_of, request, trades, quotes)
        last = int(trades["ts_event"][-1])
        last_quote = int(quotes["ts_event"][-1]) if quotes is not None and by_quote else last
        return exchange.answer(
            ClassifyAnswer(
                sides=await exchange.rows(signs.tolist()),
                ts_event=max(last, last_quote),
                as_of_oldest=min(last, last_quote),
                n_observations=len(trades),
                method=request.classification,
                parameters={"quote_lag_seconds": request.quote_lag_seconds if by_quote else None},
            )
        )

    return found


def sides_of(request: ClassifyRequest, trades: Table, quotes: Table | None) -> Array:
    """Signs of the trades of a request.

    Raises:
        ProblemError: trades or quotes are not in the order of time.
    """
    records = trades_of(trades)
    prices = np.ascontiguousarray(records["price"])
    if quotes is None or request.classification == "tick_rule":
        return tick_rule(prices)
    before = quotes_of(quotes, records)
    lag = round(request.quote_lag_seconds * 1e9)
    place = prevailing(records["ts_event"], before["ts_event"], lag)
    has_bid = (before["bid_price"] != 0) | (before["bid_size"] != 0)
    has_ask = (before["ask_price"] != 0) | (before["ask_size"] != 0)
    quoted = (place >= 0) & (has_bid & has_ask)[place]
    bid, ask = before["bid_price"][place], before["ask_price"][place]
    return _BY_QUOTE[request.classification](prices, bid, ask, quoted)


def warm() -> None:
    """Compile all rules."""
    prices = np.array([3, 2, 4])
    tick_rule(prices)
    for rule in _BY_QUOTE.values():
        rule(prices, np.full(3, 2), np.full(3, 4), np.ones(3, np.bool_))
