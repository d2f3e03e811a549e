"""Whether a slice can be folded: every record is looked at before any state changes."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from bus.records import Array
from services.vpin.kernel.classification import is_flow
from services.vpin.kernel.layout import LIMIT, MAX_BUCKETS_PER_TRADE, Slice
from services.vpin.kernel.output import NEEDED
from shared.kernels.compile import kernel

OK: Final = 0
UNKNOWN_INSTRUMENT: Final = 1
UNUSABLE_INSTRUMENT: Final = 2
NEGATIVE_SIZE: Final = 3
WRONG_SIDE: Final = 4
OUT_OF_RANGE: Final = 5
TOO_LARGE: Final = 6
"""What can be wrong with a record."""

EXPECTATIONS: Final = {
    UNKNOWN_INSTRUMENT: ("instrument", "a row of the instrument table"),
    UNUSABLE_INSTRUMENT: ("instrument", "an instrument that the settings fit"),
    NEGATIVE_SIZE: ("size", "0 or more"),
    WRONG_SIDE: ("aggressor_side", "-1, 0 or 1"),
    OUT_OF_RANGE: ("record", "time, prices and sizes below 2^62 in magnitude"),
    TOO_LARGE: ("size", f"a trade that fills at most {MAX_BUCKETS_PER_TRADE} buckets"),
}
"""Which field is wrong, and what was expected of it."""

_LIMIT: Final = LIMIT
_MOST_BUCKETS: Final = MAX_BUCKETS_PER_TRADE


@kernel
def _fits(value: int) -> bool:
    return bool((value > -_LIMIT) & (value < _LIMIT))


@kernel
def is_refused(size: int, volume: int) -> bool:
    """Whether one trade fills more buckets than anything sane; never while there is no bucket volume."""
    return volume > 0 and size > volume and size // volume > _MOST_BUCKETS


@kernel
def is_sane(trade: Any) -> bool:
    """Whether no field of a trade is too large and its side is one; without branches, for it mostly is."""
    in_range = _fits(trade.price) & _fits(trade.ts_event) & (trade.size < _LIMIT)
    return bool(in_range & (trade.aggressor_side >= -1) & (trade.aggressor_side <= 1))


@kernel
def fault_of(trade: Any, terms: Array) -> int:
    """What is wrong with a trade whatever the bucket volume is, `OK` if nothing.

    Args:
        trade: Record of `bus.records.TRADE`.
        terms: One record of `services.vpin.kernel.layout.TERMS` for each instrument known.
    """
    if trade.instrument >= len(terms):
        return UNKNOWN_INSTRUMENT
    if terms[trade.instrument].volume < 0:
        return UNUSABLE_INSTRUMENT
    if trade.size < 0:
        return NEGATIVE_SIZE
    if trade.aggressor_side < -1 or trade.aggressor_side > 1:
        return WRONG_SIDE
    return OK if is_sane(trade) else OUT_OF_RANGE


@kernel
def is_faulty(trade: Any, terms: Array, cursor: Array) -> bool:
    """Whether a trade cannot be folded whatever the bucket volume is; the cursor says why."""
    cursor[NEEDED] = fault_of(trade, terms)
    return bool(cursor[NEEDED] != OK)


@kernel
def check_trades(
    trades: Array, lanes: Array, terms: Array, method: int, uniform: bool
) -> tuple[int, int, bool]:
    """Find the first trade that cannot be folded.

    Args:
        trades: Records of `bus.records.TRADE`.
        lanes: Lanes so far; a row without one is fresh.
        terms: One record of `services.vpin.kernel.layout.TERMS` for each instrument known.
        method: How trades are signed.
        uniform: Whether all instruments known can be used and have a fixed bucket volume.

    Returns:
        What is wrong, the index of the trade, and whether a session may begin within the slice.
    """
    begins = False
    for index in range(len(trades)):
        trade = trades[index]
        row = trade.instrument
        if uniform and is_sane(trade) and row < len(terms) and 0 <= trade.size <= _MOST_BUCKETS:
            continue
        code = fault_of(trade, terms)
        if code != OK:
            return code, index, begins
        if row >= len(lanes) or trade.ts_event >= lanes[row].session_until:
            begins = True
        volume = terms[row].volume
        if volume == 0 and not begins:
            volume = lanes[row].volume
        if is_refused(trade.size, volume) and is_flow(trade, method):
            return TOO_LARGE, index, begins
    return OK, -1, begins


@kernel
def check_quotes(quotes: Array, n_instruments: int) -> tuple[int, int]:
    """Find the first quote that cannot be folded; returns what is wrong and the index of the quote."""
    for index in range(len(quotes)):
        quote = quotes[index]
        if quote.instrument >= n_instruments:
            return UNKNOWN_INSTRUMENT, index
        if quote.bid_size < 0 or quote.ask_size < 0:
            return NEGATIVE_SIZE, index
        if not (_fits(quote.bid_price) and _fits(quote.ask_price) and _fits(quote.ts_event)):
            return OUT_OF_RANGE, index
    return OK, -1


@kernel
def check_clocks(clocks: Array) -> tuple[int, int]:
    """Find the first clock record that cannot be folded; returns what is wrong and its index."""
    for index in range(len(clocks)):
        if not _fits(clocks[index].ts_event):
            return OUT_OF_RANGE, index
    return OK, -1


class Finding(NamedTuple):
    """What a check found: the first problem of a slice, if any."""

    code: int = OK
    kind: str = "trade"
    place: int = -1
    """Index of the record among those of its kind."""
    begins: bool = False
    """Whether a session may begin within the slice."""


def check(slice_: Slice, lanes: Array, terms: Array, method: int, *, uniform: bool) -> Finding:
    """Look at every record of a slice; see `check_trades`."""
    code, index, begins = OK, -1, False
    if len(slice_.trades):
        code, index, begins = check_trades(slice_.trades, lanes, terms, method, uniform)
    if code != OK:
        return Finding(code, "trade", index)
    found = check_others(slice_, len(terms))
    return found if found.code != OK else Finding(begins=begins)


def check_others(slice_: Slice, n_instruments: int) -> Finding:
    """Look at every quote and clock record of a slice."""
    if len(slice_.quotes):
        code, index = check_quotes(slice_.quotes, n_instruments)
        if code != OK:
            return Finding(code, "quote", index)
    if len(slice_.clocks):
        code, index = check_clocks(slice_.clocks)
        if code != OK:
            return Finding(code, "clock", index)
    return Finding()
