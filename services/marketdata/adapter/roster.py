"""The instruments of one file: from its symbols to ids, and to what a definition says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.marketdata.adapter.faults import Place, fault
from services.marketdata.adapter.fixed_point import SIZE_SCALE, Integers, price_divisors, price_step
from services.marketdata.adapter.settings import FileSettings
from shared.instruments import Instrument

NO_VENUE: Final = "FILE"
"""Venue of instruments of which neither file nor settings name one."""

_ID_BYTES: Final = 40
_SMALLEST_STEP: Final = 1


class Roster:
    """Instruments in order of their appearance; a code is an instrument's place here.

    Two symbols are two instruments. Price steps are found from the prices of the block in which an instrument
    appears first; size increments are agreed over all files before the first block.
    """

    def __init__(self, settings: FileSettings, venue: str | None = None, time_zone: str = "UTC") -> None:
        self.ids: list[str] = []
        self.increments: Mapping[str, int] = {}
        """Size increment of each id, 1e-9, agreed over all files; 1 where it says nothing."""
        self._settings = settings
        self._venue = settings.venue or venue
        self._time_zone = settings.time_zone or time_zone
        self._codes: dict[str, int] = {}
        self._steps: dict[int, int] = {}

    @property
    def lacks_venue(self) -> bool:
        """Whether a venue had to be made up for some instrument."""
        return self._settings.instrument is None and any(name.endswith(f".{NO_VENUE}") for name in self.ids)

    def code(self, symbol: str) -> int:
        """Code of a symbol; a new one gets the next.

        Raises:
            DataError: a second symbol where the settings name the one instrument, or an id that is too long.
        """
        known = self._codes.get(symbol)
        if known is not None:
            return known
        name = self._id(symbol)
        if len(name.encode()) > _ID_BYTES:
            expected = f"an instrument id of at most {_ID_BYTES} bytes"
            raise fault(self._settings.path, expected, f"`{name}`", "Set `marketdata.instrument`.")
        self.ids.append(name)
        self._codes[symbol] = len(self.ids) - 1
        return self._codes[symbol]

    def codes(self, array: pa.Array, place: Place) -> NDArray[np.uint32]:
        """Codes of a column of symbols.

        Raises:
            DataError: a row without a symbol.
        """
        encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
        if encoded.null_count:
            missing = int(np.argmax(encoded.is_null().to_numpy(zero_copy_only=False)))
            raise place.fault(missing, "a symbol", "no value", "Mend or remove the row.")
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        symbols = encoded.dictionary.to_pylist()
        table = np.zeros(len(symbols), np.uint32)
        for index in np.flatnonzero(np.bincount(indices, minlength=len(symbols))).tolist():
            table[index] = self.code(str(symbols[index]))
        codes: NDArray[np.uint32] = table[indices]
        return codes

    def size_increment(self, code: int) -> int:
        """Size increment of an instrument, 1e-9."""
        own = self._settings.size_increment
        return to_increment(own) if own is not None else self.increments.get(self.ids[code], SIZE_SCALE)

    def size_increments(self, codes: NDArray[Any]) -> int | Integers:
        """Size increment of each row, 1e-9; a single one if all rows have it."""
        table = np.array([self.size_increment(code) for code in range(len(self.ids))], np.int64)
        return int(table[0]) if (table == table[0]).all() else table[codes]

    def learn_steps(self, codes: NDArray[Any], prices: Integers) -> None:
        """Find the price steps of instruments that appear here for the first time."""
        if len(self._steps) < len(self.ids):
            found = price_divisors(codes, prices)
            self._steps = {**{code: price_step(found[code]) for code in found}, **self._steps}

    def definition(self, code: int) -> Instrument:
        """What is known of an instrument."""
        own = self._settings.price_increment
        return Instrument(
            instrument_id=self.ids[code],
            price_increment=self._steps[code] if own is None else to_increment(own),
            size_increment=self.size_increment(code),
            time_zone=self._time_zone,
        )

    def _id(self, symbol: str) -> str:
        given = self._settings.instrument
        if given is not None:
            if self._codes:
                found = f"`{next(iter(self._codes))}` and `{symbol}`"
                advice = "Leave out `marketdata.instrument`, and set `marketdata.venue`."
                raise fault(self._settings.path, f"one instrument, `{given}`", found, advice)
            return given if "." in given else f"{given}.{self._venue or NO_VENUE}"
        has_venue = "." in symbol.strip(".") and self._venue is None
        return symbol if has_venue else f"{symbol}.{self._venue or NO_VENUE}"


def to_increment(value: float) -> int:
    """An increment of the settings in 1e-9, at least that.

    >>> to_increment(0.25)
    250000000
    """
    return max(_SMALLEST_STEP, round(value * SIZE_SCALE))
