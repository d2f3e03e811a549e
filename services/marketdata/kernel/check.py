"""The first pass over a slice: order it, map its rows, and refuse what is no market record.

It changes the slice it is given (the engine's own copy) and nothing else, so a refused slice leaves no trace.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np

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


class Slice(NamedTuple):
    """Copies of a feed slice's arrays, one for each kind."""

    instrument: Array
    quote: Array
    trade: Array
    bar: Array


class Order(NamedTuple):
    """The records of a slice in order."""

    kinds: Array
    """`Kind` of each."""
    times: Array
    """``ts_init`` of each, ns."""


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
_INSTRUMENT: Final = int(Kind.INSTRUMENT)
_QUOTE: Final = int(Kind.QUOTE)
_TRADE: Final = int(Kind.TRADE)
_BAR: Final = int(Kind.BAR)
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
    return (
        n_records == len(order.kinds)
        and _place(flow.instrument["sequence"], flow.instrument["ts_init"], first, _INSTRUMENT, order)
        and _place(flow.quote["sequence"], flow.quote["ts_init"], first, _QUOTE, order)
        and _place(flow.trade["sequence"], flow.trade["ts_init"], first, _TRADE, order)
        and _place(flow.bar["sequence"], flow.bar["ts_init"], first, _BAR, order)
    )


@inlined
def _place(sequences: Array, times: Array, first: int, kind: int, order: Order) -> bool:
    kinds, ordered_times = order.kinds, order.times
    for n in range(len(sequences)):
        place = np.int64(sequences[n]) - first
        if not 0 <= place < len(kinds) or kinds[place] != _EMPTY:
            return False
        kinds[place] = kind
        ordered_times[place] = times[n]
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
    instruments, quotes, trades, bars = flow.instrument, flow.quote, flow.trade, flow.bar
    kinds, times = order.kinds, order.times
    at_instrument, at_quote, at_trade, at_bar = -1, -1, -1, -1
    n_clocks, most_bars, total_size, due = 0, len(bars), 0, next_second(last)
    for n in range(len(kinds)):
        kind = kinds[n]
        if times[n] >= due:
            n_clocks += count_clocks(last, times[n], idle)
            due = next_second(times[n])
        if kind == _TRADE:
            at_trade += 1
            trade = trades[at_trade]
            row = _row_of(trade.instrument, feed_rows)
            n_closed = most_closed(forming, row, trade.size) if row >= 0 else 0
            volume = largest_volume(forming, row) if row >= 0 else 0
            fault = _check_common(trade, last, row) or _check_trade(trade, volume + total_size, n_closed)
            total_size += trade.size
            most_bars += n_closed
        elif kind == _QUOTE:
            at_quote += 1
            quote = quotes[at_quote]
            fault = _check_common(quote, last, _row_of(quote.instrument, feed_rows)) or _check_quote(quote)
        elif kind == _INSTRUMENT:
            at_instrument += 1
            feed_rows[instruments[at_instrument].instrument] = targets[at_instrument]
            fault = _check_common(instruments[at_instrument], last, targets[at_instrument])
        else:
            at_bar += 1
            bar = bars[at_bar]
            fault = _check_common(bar, last, _row_of(bar.instrument, feed_rows)) or _check_bar(bar)
        if fault != _NONE:
            places = (at_instrument, at_quote, at_trade, at_bar)
            return Verdict(fault, kind, places[kind], 0, 0)
        last = times[n]
    return Verdict(_NONE, 0, 0, n_clocks, most_bars)


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
