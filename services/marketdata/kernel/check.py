"""The first pass over a slice: order it, map its rows, and refuse what is no market record.

It changes the slice it is given (the engine's own copy) and nothing else, so a refused slice leaves no trace.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

from bus.record_codes import BookAction, Flag
from bus.records import Array
from services.marketdata.kernel.faults import LARGEST, MOST_BARS, Fault
from services.marketdata.kernel.seconds import count_clocks, next_second
from shared.kernels.bars import largest_volume, most_closed
from shared.kernels.compile import inlined, kernel


class Kind(IntEnum):
    """Kind of a feed record."""

    INSTRUMENT = 0
    QUOTE = 1
    TRADE = 2
    BAR = 3
    ORDER = 4
    LEVEL = 5
    BOOK_STATE = 6


class Slice(NamedTuple):
    """Copies of a feed slice's arrays, one for each kind."""

    instrument: Array
    quote: Array
    trade: Array
    bar: Array
    order: Array
    level: Array
    book_state: Array


class Order(NamedTuple):
    """The records of a slice in order."""

    kinds: Array
    """`Kind` of each."""
    times: Array
    """``ts_init`` of each, ns."""
    places: Array
    """Place of each in the array of its kind."""


class Verdict(NamedTuple):
    """What the first pass found."""

    fault: int
    """A `Fault`; if there is one, the rest but the place means nothing."""
    kind: int
    """`Kind` of the record at fault..."""
    place: int
    """...and its place in the array of its kind."""
    n_clocks: int
    """Clock records the slice gives, exactly."""
    most_bars: int
    """Bars that trades and imported bars can give, at most; those that clocks close come on top."""
    n_looks: int
    """Records after which a book may be looked at."""


_NONE: Final = int(Fault.NONE)
_UNKNOWN_ROW: Final = int(Fault.UNKNOWN_ROW)
_TIME_BACKWARDS: Final = int(Fault.TIME_BACKWARDS)
_TIME_RANGE: Final = int(Fault.TIME_RANGE)
_PRICE_RANGE: Final = int(Fault.PRICE_RANGE)
_SIZE_RANGE: Final = int(Fault.SIZE_RANGE)
_SIDE: Final = int(Fault.SIDE)
_SIDE_ORIGIN: Final = int(Fault.SIDE_ORIGIN)
_BAR_PRICES: Final = int(Fault.BAR_PRICES)
_BAR_BASIS: Final = int(Fault.BAR_BASIS)
_VOLUME_RANGE: Final = int(Fault.VOLUME_RANGE)
_TOO_MANY_BARS: Final = int(Fault.TOO_MANY_BARS)
_ACTION: Final = int(Fault.ACTION)
_BOOK_SIDE: Final = int(Fault.BOOK_SIDE)
_BOOK_STATE: Final = int(Fault.BOOK_STATE)
_CANCEL: Final = int(BookAction.CANCEL)
_CLEAR: Final = int(BookAction.CLEAR)
_SET: Final = int(BookAction.SET)
_LAST: Final = int(Flag.LAST)
_INSTRUMENT: Final = int(Kind.INSTRUMENT)
_QUOTE: Final = int(Kind.QUOTE)
_TRADE: Final = int(Kind.TRADE)
_BAR: Final = int(Kind.BAR)
_ORDER: Final = int(Kind.ORDER)
_LEVEL: Final = int(Kind.LEVEL)
_STATE: Final = int(Kind.BOOK_STATE)
_EMPTY: Final = -1


@kernel
def put_in_order(flow: Slice, first: int, order: Order) -> bool:
    """Merge a slice's arrays by sequence.

    Args:
        flow: The slice.
        first: Its lowest sequence.
        order: As long as the slice; written.

    Returns:
        Whether the sequences are consecutive, and so every place is taken by one record.
    """
    order.kinds[:] = _EMPTY
    n_records = len(flow.instrument) + len(flow.quote) + len(flow.trade) + len(flow.bar)
    n_book_records = len(flow.order) + len(flow.level) + len(flow.book_state)
    return (
        n_records + n_book_records == len(order.kinds)
        and _place(flow.instrument["sequence"], flow.instrument["ts_init"], first, _INSTRUMENT, order)
        and _place(flow.quote["sequence"], flow.quote["ts_init"], first, _QUOTE, order)
        and _place(flow.trade["sequence"], flow.trade["ts_init"], first, _TRADE, order)
        and _place(flow.bar["sequence"], flow.bar["ts_init"], first, _BAR, order)
        and _place(flow.order["sequence"], flow.order["ts_init"], first, _ORDER, order)
        and _place(flow.level["sequence"], flow.level["ts_init"], first, _LEVEL, order)
        and _place(flow.book_state["sequence"], flow.book_state["ts_init"], first, _STATE, order)
    )


@inlined
def _place(sequences: Array, times: Array, first: int, kind: int, order: Order) -> bool:
    kinds, ordered_times, places = order.kinds, order.times, order.places
    for n in range(len(sequences)):
        place = np.int64(sequences[n]) - first
        if not 0 <= place < len(kinds) or kinds[place] != _EMPTY:
            return False
        kinds[place] = kind
        ordered_times[place] = times[n]
        places[place] = n
    return True


@kernel
def check(
    flow: Slice, order: Order, targets: Array, feed_rows: Array, forming: Array, last: int, idle: int
) -> Verdict:
    """Check a slice, and put the fleet's rows in place of the feed's.

    Args:
        flow: The slice; its ``instrument`` fields are written.
        order: Kinds and times of its records in order.
        targets: Fleet row of each instrument record.
        feed_rows: Fleet row of each feed row, -1 where there is none; written by instrument records.
        forming: `shared.kernels.bars.FORMING` rows of the fleet's instruments.
        last: ``ts_init`` of the record before the slice, or the start of time.
        idle: Silence after which the clock stops, ns.

    Returns:
        The verdict. On the first fault the pass ends.
    """
    instruments, trades = flow.instrument, flow.trade
    kinds, times = order.kinds, order.times
    n_clocks, most_bars, total_size, due = 0, len(flow.bar), 0, next_second(last)
    n_looks = len(flow.book_state)
    for n in range(len(kinds)):
        kind, at = kinds[n], order.places[n]
        if times[n] >= due:
            n_clocks += count_clocks(last, times[n], idle)
            due = next_second(times[n])
        if kind == _TRADE:
            trade = trades[at]
            row = _row_of(trade.instrument, feed_rows)
            n_closed = most_closed(forming, row, trade.size) if row >= 0 else 0
            volume = largest_volume(forming, row) if row >= 0 else 0
            fault = _check_common(trade, last, row) or _check_trade(trade, volume + total_size, n_closed)
            total_size += trade.size
            most_bars += n_closed
        elif kind >= _ORDER:
            fault, is_look = _check_of_book(flow, kind, at, last, feed_rows)
            n_looks += is_look
        elif kind == _INSTRUMENT:
            feed_rows[instruments[at].instrument] = targets[at]
            fault = _check_common(instruments[at], last, targets[at])
        elif kind == _QUOTE:
            quote = flow.quote[at]
            fault = _check_common(quote, last, _row_of(quote.instrument, feed_rows)) or _check_quote(quote)
        else:
            bar = flow.bar[at]
            fault = _check_common(bar, last, _row_of(bar.instrument, feed_rows)) or _check_bar(bar)
        if fault != _NONE:
            return Verdict(fault, kind, at, 0, 0, 0)
        last = times[n]
    return Verdict(_NONE, 0, 0, n_clocks, most_bars, n_looks)


@inlined
def _check_of_book(flow: Slice, kind: int, at: int, last: int, feed_rows: Array) -> tuple[int, int]:
    """Check an order, a level or a state; returns the fault, and 1 if a book may be looked at after it."""
    if kind == _ORDER:
        order = flow.order[at]
        fault = _check_common(order, last, _row_of(order.instrument, feed_rows))
        return fault or _check_change(order, order.action < _SET), (order.flags & _LAST) // _LAST
    if kind == _LEVEL:
        level = flow.level[at]
        fault = _check_common(level, last, _row_of(level.instrument, feed_rows))
        has_action = level.action == _CLEAR or level.action == _SET
        return fault or _check_change(level, has_action), (level.flags & _LAST) // _LAST
    state = flow.book_state[at]
    fault = _check_common(state, last, _row_of(state.instrument, feed_rows))
    return fault or _check_state(state), 0


@inlined
def _row_of(feed_row: int, feed_rows: Array) -> int:
    return feed_rows[feed_row] if feed_row < len(feed_rows) else -1


@inlined
def _check_common(record: Any, last: int, row: int) -> int:
    """Check time and row, and write the fleet's row."""
    if not -LARGEST <= record.ts_event <= LARGEST or not -LARGEST <= record.ts_init <= LARGEST:
        return _TIME_RANGE
    if record.ts_init < last:
        return _TIME_BACKWARDS
    if row < 0:
        return _UNKNOWN_ROW
    record.instrument = row
    return _NONE


@inlined
def _check_trade(trade: Any, volume: int, n_closed: int) -> int:
    """Check a trade.

    ``volume`` is the most that one of its bars can hold before it: what the fullest held before the slice
    and all sizes of the slice. For a slice of one record, to which the runtime narrows a refusal down, that
    is exact. ``n_closed`` is the most bars it can close.
    """
    if not -LARGEST <= trade.price <= LARGEST:
        return _PRICE_RANGE
    if not 0 <= trade.size <= LARGEST:
        return _SIZE_RANGE
    if not -1 <= trade.aggressor_side <= 1:
        return _SIDE
    if trade.side_origin > 3:
        return _SIDE_ORIGIN
    if volume > LARGEST - trade.size:
        return _VOLUME_RANGE
    if n_closed > MOST_BARS:
        return _TOO_MANY_BARS
    return _NONE


@inlined
def _check_quote(quote: Any) -> int:
    if not (-LARGEST <= quote.bid_price <= LARGEST and -LARGEST <= quote.ask_price <= LARGEST):
        return _PRICE_RANGE
    if not (0 <= quote.bid_size <= LARGEST and 0 <= quote.ask_size <= LARGEST):
        return _SIZE_RANGE
    return _NONE


@inlined
def _check_bar(bar: Any) -> int:
    if not (bar.low >= -LARGEST and bar.high <= LARGEST):
        return _PRICE_RANGE
    if not bar.low <= min(bar.open, bar.close) or not max(bar.open, bar.close) <= bar.high:
        return _BAR_PRICES
    if not 0 <= bar.volume <= LARGEST:
        return _SIZE_RANGE
    if not 1 <= bar.basis <= 3 or bar.step <= 0:
        return _BAR_BASIS
    return _NONE


@inlined
def _check_change(record: Any, has_action: bool) -> int:
    """Check an order or a level."""
    if not has_action:
        return _ACTION
    if record.side != 1 and record.side != -1 and record.action != _CLEAR and record.action != _CANCEL:
        return _BOOK_SIDE
    if not -LARGEST <= record.price <= LARGEST:
        return _PRICE_RANGE
    if not 0 <= record.size <= LARGEST:
        return _SIZE_RANGE
    return _NONE


@inlined
def _check_state(state: Any) -> int:
    return _NONE if state.state <= 3 and state.state_reason <= 7 else _BOOK_STATE
