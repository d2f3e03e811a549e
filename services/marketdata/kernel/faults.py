"""Why a feed record is refused, in numbers for the kernel and in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

LARGEST: Final = 2**62
"""Bound of prices, sizes, volumes and times in magnitude: sums and differences of two then fit 64 bits."""

MOST_BARS: Final = 10_000
"""Most bars that one trade may complete."""


class Fault(IntEnum):
    """Why a record is refused."""

    NONE = 0
    UNKNOWN_ROW = 1
    TIME_BACKWARDS = 2
    TIME_RANGE = 3
    PRICE_RANGE = 4
    SIZE_RANGE = 5
    SIDE = 6
    SIDE_ORIGIN = 7
    BAR_PRICES = 8
    BAR_BASIS = 9
    VOLUME_RANGE = 10
    TOO_MANY_BARS = 11
    ACTION = 12
    BOOK_SIDE = 13
    BOOK_STATE = 14


class Expectation(NamedTuple):
    """What a record should have been."""

    fields: tuple[str, ...]
    """Fields it is about; a record has some of them."""
    expected: str


EXPECTATIONS: Final[Mapping[Fault, Expectation]] = {
    Fault.UNKNOWN_ROW: Expectation(("instrument",), "a row that an instrument record defined before"),
    Fault.TIME_BACKWARDS: Expectation(("ts_init",), "a time not before that of the record before"),
    Fault.TIME_RANGE: Expectation(("ts_event", "ts_init"), "times within 2^62 ns of 1970"),
    Fault.PRICE_RANGE: Expectation(
        ("price", "bid_price", "ask_price", "low", "high"), "prices of at most 2^62 in magnitude"
    ),
    Fault.SIZE_RANGE: Expectation(("size", "bid_size", "ask_size", "volume"), "0 to 2^62 size units"),
    Fault.SIDE: Expectation(("aggressor_side",), "-1, 0 or 1"),
    Fault.SIDE_ORIGIN: Expectation(("side_origin",), "0 to 3"),
    Fault.BAR_PRICES: Expectation(("low", "open", "close", "high"), "low <= open, close <= high"),
    Fault.BAR_BASIS: Expectation(("basis", "step"), "a basis from 1 to 3 and a step above 0"),
    Fault.VOLUME_RANGE: Expectation(("size",), "a size that keeps the forming bar's volume within 2^62"),
    Fault.TOO_MANY_BARS: Expectation(
        ("size",), f"a size that completes at most {MOST_BARS} bars; raise the volume in `bars`"
    ),
    Fault.ACTION: Expectation(
        ("action",), "of an order 0 to 3 (add, modify, cancel, clear), of a level 3 or 4 (clear, set)"
    ),
    Fault.BOOK_SIDE: Expectation(("side",), "+1 for a bid or -1 for an ask"),
    Fault.BOOK_STATE: Expectation(("state", "state_reason"), "a state from 0 to 3 and a reason from 0 to 7"),
}
