"""The tape: what is remembered of each instrument, and the side of a trade that was reported without one.

The sides follow Lee and Ready, "Inferring Trade Direction from Intraday Data", Journal of Finance 46 (1991),
with the delay of their quotes set to "strictly before", as today's time stamps ask for:

1. the quote rule against the last quote whose ``ts_event`` is before the trade's;
2. at the mid-price, or where that quote is missing or lacks a side, the tick rule;
3. before the first price change there is no side: nothing is invented.

Every trade moves the tick rule's memory, whoever signed it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.record_codes import AggressorSide, Flag, SideOrigin
from bus.records import START_OF_TIME, Array
from services.marketdata.kernel.quotes import quote_before, remember_quote
from shared.kernels.compile import inlined
from shared.kernels.sides import quote_sign, tick_sign

TAPE: Final = np.dtype(
    [
        ("last_price", "<i8"),
        ("first_ts_event", "<i8"),
        ("last_ts_event", "<i8"),
        ("n_trades", "<i8"),
        ("n_quotes", "<i8"),
        ("n_bars", "<i8"),
        ("n_inferred", "<i8"),
        ("n_crossed", "<i8"),
        ("notional_factor", "<f8"),
        ("newest_quote", "<i4"),
        ("tick_sign", "<i4"),
    ]
)
"""One instrument: its last price and what the tick rule said of it, counts of what was published
(``n_bars`` both made and imported, ``n_inferred`` sides, ``n_crossed`` quotes), currency of one size unit
at a price of 1, and the place of its newest quote in the ring."""

BY_REPORT: Final = 0
"""Rule: sides are what the file says, and nothing else."""
BY_TICK: Final = 1
"""Rule: sides that the file lacks come from the tick rule."""
BY_QUOTE: Final = 2
"""Rule: sides that the file lacks come from the quote rule, then the tick rule."""

_NO_ORIGIN: Final = int(SideOrigin.NONE)
_REPORTED: Final = int(SideOrigin.REPORTED)
_QUOTE_RULE: Final = int(SideOrigin.QUOTE_RULE)
_TICK_RULE: Final = int(SideOrigin.TICK_RULE)
_CROSSED: Final = int(Flag.CROSSED)
_NO_SIDE: Final = int(AggressorSide.NONE)


def blank_tape(n_rows: int) -> Array:
    """Rows of instruments of which nothing was seen yet."""
    tape = np.zeros(n_rows, TAPE)
    tape["first_ts_event"] = tape["last_ts_event"] = START_OF_TIME
    return tape


@inlined
def note_quote(seen: Any, recent: Array, quote: Any) -> None:
    """Flag a crossed quote, and remember it.

    Args:
        seen: `TAPE` row of the instrument; changed.
        recent: `services.marketdata.kernel.quotes.QUOTED` rings of all instruments; changed.
        quote: Quote record; ``flags`` is written. A side with price 0 and size 0 is absent.
    """
    has_bid = quote.bid_price != 0 or quote.bid_size != 0
    has_ask = quote.ask_price != 0 or quote.ask_size != 0
    has_mid = has_bid and has_ask
    if has_mid and quote.bid_price >= quote.ask_price:
        quote.flags |= _CROSSED
        seen.n_crossed += 1
    seen.newest_quote = remember_quote(recent, quote.instrument, seen.newest_quote, quote, has_mid)
    seen.n_quotes += 1
    _note_time(seen, quote.ts_event)


@inlined
def note_trade(seen: Any, recent: Array, trade: Any, rule: int) -> None:
    """Complete the side of a trade and remember the trade.

    Args:
        seen: `TAPE` row of the instrument; changed.
        recent: `services.marketdata.kernel.quotes.QUOTED` rings of all instruments.
        trade: Trade record; ``aggressor_side`` and ``side_origin`` are written.
        rule: `BY_REPORT`, `BY_TICK` or `BY_QUOTE`.
    """
    last_price = seen.last_price if seen.n_trades > 0 else trade.price
    seen.tick_sign = tick_sign(trade.price, last_price, seen.tick_sign)
    if trade.aggressor_side != _NO_SIDE:
        if trade.side_origin == _NO_ORIGIN:
            trade.side_origin = _REPORTED
    elif trade.side_origin == _NO_ORIGIN and rule != BY_REPORT:
        _infer_side(seen, recent, trade, rule)
    seen.last_price = trade.price
    seen.n_trades += 1
    _note_time(seen, trade.ts_event)


@inlined
def note_bar(seen: Any, bar: Any) -> None:
    """Count an imported bar.

    Args:
        seen: `TAPE` row of the instrument; changed.
        bar: Bar record.
    """
    seen.n_bars += 1
    _note_time(seen, bar.ts_event)


@inlined
def _infer_side(seen: Any, recent: Array, trade: Any, rule: int) -> None:
    side, origin = 0, _QUOTE_RULE
    if rule == BY_QUOTE:
        place = quote_before(recent, trade.instrument, seen.newest_quote, trade.ts_event)
        if place >= 0 and recent[trade.instrument, place].has_mid:
            quote = recent[trade.instrument, place]
            side = quote_sign(trade.price, quote.bid_price, quote.ask_price)
    if side == 0:
        side, origin = seen.tick_sign, _TICK_RULE
    if side != 0:
        trade.aggressor_side = side
        trade.side_origin = origin
        seen.n_inferred += 1


@inlined
def _note_time(seen: Any, ts_event: int) -> None:
    if seen.first_ts_event == START_OF_TIME:
        seen.first_ts_event = ts_event
    seen.last_ts_event = max(seen.last_ts_event, ts_event)
