"""Bars folded from trades, one trade at a time.

The state is an array of `FORMING` rows, ``(n_instruments, n_bars)``: the forming bar of every instrument
for every declared sort of bar. Bars are closed with these functions, and whoever previews a forming bar
folds the same trades with the same functions, so the two cannot differ. Nothing depends on how the trades
were cut into slices.

* **Time** bars are the UTC multiples of their step: ``ts_open <= time < ts_close``. One closes when its end
  is shown to have passed, by a later trade of the instrument (`close_passed`) or by a clock
  (`close_ended`). A trade belongs to the bar of its time; a late one to the bar that is forming, and never to
  one that is closed.
* **Volume** bars hold exactly their step; a trade that overfills one is split, in whole size units, over as
  many as it fills, and counts as a trade in each.
* **Dollar** bars close on the trade that reaches their step; what it exceeds it by is not carried over.

There are no empty bars. A trade of size 0 moves prices and counts as a trade. Times are in ns, prices in
1e-9, volumes in size units, notionals in 1e-9 currency.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.record_codes import BarBasis, BarOrigin
from bus.records import Array
from shared.kernels.compile import inlined

FORMING: Final = np.dtype(
    [
        ("ts_open", "<i8"),
        ("ts_close", "<i8"),
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<i8"),
        ("notional", "<i8"),
        ("n_trades", "<i8"),
        ("step", "<i8"),
        ("closed_until", "<i8"),
        ("basis", "<i8"),
    ]
)
"""A forming bar; nothing is forming where ``n_trades`` is 0. ``step`` and ``basis`` are as in
`bus.records.BAR`; ``closed_until`` is the end of the last time bar closed. While a volume or dollar bar
forms, ``ts_open`` and ``ts_close`` are the times of its earliest and its latest trade."""

LARGEST_NOTIONAL: Final = 2**62
"""Most that one trade counts for, and the longest step a dollar bar may have, 1e-9 currency."""

_TIME: Final = int(BarBasis.TIME)
_VOLUME: Final = int(BarBasis.VOLUME)
_MADE: Final = int(BarOrigin.MADE)


@inlined
def notional_of(price: int, size: int, factor: float) -> int:
    """Notional of a trade, 1e-9 currency: ``|price| * size * factor``, to the nearest unit.

    It is computed in double precision: exact where the product fits 2^53 units (nine million dollars), good
    to 2^-51 relative beyond. It saturates at `LARGEST_NOTIONAL`; no dollar bar can tell, because none is
    longer.

    Args:
        price: Price in 1e-9.
        size: Size in size units.
        factor: Currency of one size unit at a price of 1: ``size_increment * multiplier``, as a plain number.

    >>> notional_of(4_780_250_000_000, 3, 50.0)
    717037500000000
    """
    notional = abs(float(price)) * float(size) * factor
    return LARGEST_NOTIONAL if notional >= LARGEST_NOTIONAL else int(np.rint(notional))


@inlined
def close_passed(forming: Array, row: int, time: int, ts_init: int, out: Array, n_out: int) -> int:
    """Close the time bars of one instrument that end at or before a trade; call it before `fold_trade`.

    Args:
        forming: `FORMING` rows, ``(n_instruments, n_bars)``; changed.
        row: Instrument.
        time: When the trade happened.
        ts_init: When that could be seen: ``ts_init`` of the closed bars.
        out: `bus.records.BAR` rows to write closed bars to, all fields but ``sequence``.
        n_out: Rows of it in use.

    Returns:
        Rows of ``out`` in use.
    """
    for column in range(forming.shape[1]):
        bar = forming[row, column]
        if bar.basis == _TIME and bar.n_trades > 0 and bar.ts_close <= time:
            n_out = _close(bar, row, ts_init, out, n_out)
    return n_out


@inlined
def close_ended(forming: Array, n_rows: int, now: int, out: Array, n_out: int) -> int:
    """Close the time bars of all instruments that end at or before ``now``, in row order.

    Args:
        forming: `FORMING` rows, ``(n_instruments, n_bars)``; changed.
        n_rows: Instruments in use.
        now: Time of the clock.
        out: `bus.records.BAR` rows to write closed bars to, all fields but ``sequence``.
        n_out: Rows of it in use.

    Returns:
        Rows of ``out`` in use.
    """
    for row in range(n_rows):
        n_out = close_passed(forming, row, now, now, out, n_out)
    return n_out


@inlined
def fold_trade(
    forming: Array,
    row: int,
    time: int,
    ts_init: int,
    price: int,
    size: int,
    notional: int,
    out: Array,
    n_out: int,
) -> int:
    """Add a trade to every bar of its instrument, and close the volume and dollar bars that it completes.

    Args:
        forming: `FORMING` rows, ``(n_instruments, n_bars)``; changed.
        row: Instrument.
        time: When the trade happened.
        ts_init: When it could be seen: ``ts_init`` of the closed bars.
        price: Price in 1e-9.
        size: Size in size units, at least 0.
        notional: As `notional_of`; unused without dollar bars.
        out: `bus.records.BAR` rows to write closed bars to, all fields but ``sequence``; with room for
            `most_closed` more.
        n_out: Rows of it in use.

    Returns:
        Rows of ``out`` in use.
    """
    for column in range(forming.shape[1]):
        bar = forming[row, column]
        if bar.basis == _TIME:
            if bar.n_trades == 0:
                bar.ts_open = max(time // bar.step * bar.step, bar.closed_until)
                bar.ts_close = bar.ts_open + bar.step
            _add(bar, price, size)
        elif bar.basis == _VOLUME:
            n_out = _fill(bar, row, time, ts_init, price, size, out, n_out)
        else:
            _stretch(bar, time)
            _add(bar, price, size)
            bar.notional += notional
            if bar.notional >= bar.step:
                n_out = _close(bar, row, ts_init, out, n_out)
    return n_out


@inlined
def most_closed(forming: Array, row: int, size: int) -> int:
    """Most bars that `close_passed` and `fold_trade` together can close for a trade of this size."""
    count = 0
    for column in range(forming.shape[1]):
        bar = forming[row, column]
        count += 1
        if bar.basis == _VOLUME and size >= bar.step:
            count += size // bar.step
    return count


@inlined
def largest_volume(forming: Array, row: int) -> int:
    """Largest volume of an instrument's forming bars."""
    volume = 0
    for column in range(forming.shape[1]):
        volume = max(volume, forming[row, column].volume)
    return volume


@inlined
def _fill(bar: Any, row: int, time: int, ts_init: int, price: int, size: int, out: Array, n_out: int) -> int:
    rest = size
    while rest >= bar.step - bar.volume:
        part = bar.step - bar.volume
        rest -= part
        _stretch(bar, time)
        _add(bar, price, part)
        n_out = _close(bar, row, ts_init, out, n_out)
    if rest > 0 or size == 0:
        _stretch(bar, time)
        _add(bar, price, rest)
    return n_out


@inlined
def _stretch(bar: Any, time: int) -> None:
    """Let a volume or dollar bar reach to the time of a trade."""
    if bar.n_trades == 0:
        bar.ts_open = bar.ts_close = time
    else:
        bar.ts_open = min(bar.ts_open, time)
        bar.ts_close = max(bar.ts_close, time)


@inlined
def _add(bar: Any, price: int, size: int) -> None:
    if bar.n_trades == 0:
        bar.open = bar.high = bar.low = price
    else:
        bar.high = max(bar.high, price)
        bar.low = min(bar.low, price)
    bar.close = price
    bar.volume += size
    bar.n_trades += 1


@inlined
def _close(bar: Any, row: int, ts_init: int, out: Array, n_out: int) -> int:
    """Write a forming bar out and start afresh."""
    closed = out[n_out]
    closed.ts_event = bar.ts_close
    closed.ts_init = ts_init
    closed.ts_open = bar.ts_open
    closed.open = bar.open
    closed.high = bar.high
    closed.low = bar.low
    closed.close = bar.close
    closed.volume = bar.volume
    closed.step = bar.step
    closed.instrument = row
    closed.n_trades = bar.n_trades
    closed.basis = bar.basis
    closed.origin = _MADE
    closed.flags = 0
    closed.reserved = 0
    if bar.basis == _TIME:
        bar.closed_until = bar.ts_close
    bar.n_trades = 0
    bar.volume = 0
    bar.notional = 0
    return n_out + 1
