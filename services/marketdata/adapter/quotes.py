"""What holds for quotes of every format: absent sides, crossed quotes, and whether anything changed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bus.record_codes import Flag
from bus.records import Array

_SIDES: Final = ("bid_price", "bid_size", "ask_price", "ask_size")


def settle(quotes: Array, has_sizes: bool) -> None:
    """Make absent sides 0 in price and size, and flag quotes with the bid at or above the ask; in place.

    A side is absent where its price is 0, or its size where the file has sizes. In a file without sizes every
    size is 0, and a side with a price is there with an unknown size.
    """
    bid, ask = quotes["bid_price"] != 0, quotes["ask_price"] != 0
    if has_sizes:
        bid &= quotes["bid_size"] > 0
        ask &= quotes["ask_size"] > 0
        for side, there in (("bid", bid), ("ask", ask)):
            if not there.all():
                quotes[f"{side}_price"][~there] = 0
                quotes[f"{side}_size"][~there] = 0
    crossed = bid & ask & (quotes["bid_price"] >= quotes["ask_price"])
    if crossed.any():
        quotes["flags"][crossed] |= np.uint16(Flag.CROSSED)


class Changes:
    """Tells which quotes differ from the one before of the same instrument, over the blocks of a file."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, ...]] = {}

    def mask(self, quotes: Array) -> NDArray[np.bool_]:
        """Whether each of the next quotes differs in price or size from the one before of its instrument."""
        if not len(quotes):
            return np.zeros(0, bool)
        codes = quotes["instrument"]
        if (codes == codes[0]).all():
            return self._of_one(int(codes[0]), quotes)
        changed = np.zeros(len(quotes), bool)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            changed[rows] = self._of_one(int(code), quotes[rows])
        return changed

    def _of_one(self, code: int, quotes: Array) -> NDArray[np.bool_]:
        changed = np.zeros(len(quotes), bool)
        for side in _SIDES:
            values = quotes[side]
            changed[1:] |= values[1:] != values[:-1]
        changed[0] = self._last.get(code) != _key(quotes[0])
        self._last[code] = _key(quotes[-1])
        return changed


def _key(quote: Any) -> tuple[int, ...]:
    return tuple(int(quote[side]) for side in _SIDES)
