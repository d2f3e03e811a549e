"""Decimal texts of venues as exact integers.

A venue writes the same prices and sizes again and again, so what a text means is remembered: a lookup is many
times faster than reading it. The memory is bounded; when it is full it is begun anew.
"""

from __future__ import annotations

from typing import Final

from services.marketdata.adapter.faults import fault

REMEMBERED: Final = 65_536
"""Texts whose meaning is remembered."""

_BILLION: Final = 1_000_000_000
LARGEST: Final = 2**62
"""Bound of prices and sizes: sums and differences of two then fit 64 bits."""

_ADVICE: Final = "Set a finer increment in `size_increments`, or report the venue's new format."


class Decimals(dict[str, int]):
    """Texts and what they count in steps of ``unit`` (1e-9 each): ``decimals["0.5"]``.

    A value from `LARGEST` on is refused, unless ``is_bounded`` is false: then who asks has to look.

    >>> Decimals("kraken", unit=10)["0.00000512"]
    512
    """

    def __init__(self, venue: str, unit: int, *, is_bounded: bool = True) -> None:
        super().__init__()
        self._venue = venue
        self._is_bounded = is_bounded
        self.has_large = False
        """Whether a value from `LARGEST` on was ever seen."""
        self._unit = unit

    def __missing__(self, text: str) -> int:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdigit()):
            raise fault(self._venue, "a decimal number from 0", repr(text), _ADVICE)
        value: int
        value, rest = divmod(int(digits) * _BILLION, 10 ** len(fraction) * self._unit)
        self.has_large = self.has_large or value >= LARGEST
        if rest or (self._is_bounded and value >= LARGEST):
            step = self._unit / _BILLION
            expected = f"a whole number of {step:.9g}, fewer than 2**62 of them"
            raise fault(self._venue, expected, repr(text), _ADVICE)
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = value
        return value


def nanoseconds(text: str) -> int:
    """Seconds written as a decimal, in ns; what is finer is cut off.

    >>> nanoseconds("1618678133.365913")
    1618678133365913000
    """
    whole, _, fraction = text.partition(".")
    return int(whole) * _BILLION + int(fraction[:9].ljust(9, "0"))
