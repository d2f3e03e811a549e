"""What holds for bars of every format: their length, their range, and that they were imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bus.record_codes import BarBasis, BarOrigin
from bus.records import PRICE_SCALE, Array
from services.marketdata.adapter.faults import Place, fault, first_true
from services.marketdata.adapter.settings import FileSettings

PRICES: Final = ("open", "high", "low", "close")

_DAY: Final = 86_400_000_000_000
_HOUR: Final = 3_600_000_000_000


def bar_step(settings: FileSettings, times: NDArray[np.int64]) -> int:
    """Length of the bars, ns: as set, else the shortest distance of two; 23 or 25 hours are a day.

    Raises:
        DataError: it is not set and there are not two bars to tell it from.
    """
    if settings.bar_seconds is not None:
        return round(settings.bar_seconds * 1e9)
    distances = np.diff(np.unique(times))
    if not len(distances):
        expected = "bars of at least two times, to tell their length"
        raise fault(settings.path, expected, "one", "Set `marketdata.bar_seconds`.")
    shortest = int(distances.min())
    return _DAY if abs(shortest - _DAY) <= _HOUR else shortest


def check_range(path: str, bars: Array, first_row: int, columns: Mapping[str, str]) -> None:
    """Refuse a bar whose high or low does not hold its other prices.

    Raises:
        DataError: such a bar; its row and prices are named.
    """
    top = np.maximum(bars["open"], bars["close"])
    bottom = np.minimum(bars["open"], bars["close"])
    for field, wrong in (("high", bars["high"] < top), ("low", bars["low"] > bottom)):
        index = first_true(wrong)
        if index is not None:
            found = ", ".join(f"{name} {bars[name][index] / PRICE_SCALE:.9g}" for name in PRICES)
            place = Place(path, columns[field], first_row)
            expected = "low ≤ open ≤ high and low ≤ close ≤ high"
            raise place.fault(index, expected, found, "Mend or remove the row.")


def complete(bars: Array, step: int) -> None:
    """Say of bars that they are time bars of this length, ns, read from a file; in place."""
    bars["step"] = step
    bars["basis"] = BarBasis.TIME
    bars["origin"] = BarOrigin.IMPORTED
