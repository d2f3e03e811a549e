"""From the rows of Tardis's book files to changes of levels.

A file of changes marks the rows of a snapshot. Where the row before of the instrument is none, a clear is put
before it: what was known is to be discarded. Consecutive rows of one instrument, time and local time are one
event. A file of pictures has the best levels of both sides in each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bus.record_codes import BookAction, Flag
from bus.records import LEVEL, Array
from services.marketdata.adapter import fixed_point
from services.marketdata.adapter.faults import Place, first_true
from services.marketdata.adapter.fixed_point import Integers
from services.marketdata.adapter.tardis_name import STAMPS

Codes = NDArray[np.uint32]
Times = tuple[Integers, Integers]
"""``ts_event`` and ``ts_init`` of rows, ns."""

SIDES: Final = {"bid": 1, "ask": -1}
TRUTHS: Final = {"true": 1, "false": 0}

_MICROSECOND: Final = 1_000
_LATEST: Final = 4 * 10**15
"""Bound of times, us: beyond the year 2096."""
_UNKNOWN: Final = 9
_MEND: Final = "Mend or remove the row."
_GROUP: Final = ("instrument", "ts_event", "ts_init")


class Decoder(Protocol):
    """Decodes the rows of one file."""

    def __init__(self, path: str, names: Sequence[str], multipliers: tuple[float, float]) -> None: ...

    @staticmethod
    def size_columns(names: Sequence[str]) -> list[str]:
        """Those of the columns that have sizes."""

    def decode(
        self, batch: pa.RecordBatch, row: int, codes: Codes, times: Times, increments: int | Integers
    ) -> Array:
        """Levels of the next rows."""

    def finish(self) -> Array:
        """Levels that waited for another row, at the end."""


class Changes:
    """Decodes ``incremental_book_L2``.

    Args:
        path: the file.
        names: its columns.
        multipliers: what prices and sizes are multiplied by.
    """

    def __init__(self, path: str, names: Sequence[str], multipliers: tuple[float, float]) -> None:
        self._path = path
        self._multipliers = multipliers
        self._was_snapshot: dict[int, bool] = {}
        self._held = np.zeros(0, LEVEL)
        """The last level, whose event may go on in the next row."""

    @staticmethod
    def size_columns(names: Sequence[str]) -> list[str]:
        """Those of the columns that have sizes."""
        return [name for name in names if name == "amount"]

    def decode(
        self, batch: pa.RecordBatch, row: int, codes: Codes, times: Times, increments: int | Integers
    ) -> Array:
        """Levels of the next rows; the last is kept back until the row after it is known.

        Raises:
            DataError: a value that cannot be; its row and column are named.
        """
        is_snapshot = self._words(batch, "is_snapshot", TRUTHS, row) == 1
        clears = self._clears(codes, is_snapshot)
        places = np.arange(len(batch)) + np.cumsum(clears)
        levels = np.zeros(len(batch) + int(clears.sum()), LEVEL)
        for at, rows in ((places, slice(None)), (places[clears] - 1, clears)):
            levels["instrument"][at] = codes[rows]
            levels["ts_event"][at], levels["ts_init"][at] = times[0][rows], times[1][rows]
            levels["flags"][at] = np.where(is_snapshot[rows], Flag.SNAPSHOT, 0)
        levels["action"] = BookAction.CLEAR
        levels["action"][places] = BookAction.SET
        levels["side"][places] = self._words(batch, "side", SIDES, row)
        price, amount = Place(self._path, "price", row), Place(self._path, "amount", row)
        values = fixed_point.floats(batch.column("price"), price)
        levels["price"][places] = fixed_point.prices(values, self._multipliers[0], price)
        values = fixed_point.floats(batch.column("amount"), amount)
        levels["size"][places] = fixed_point.sizes(values, self._multipliers[1], increments, amount)
        return self._in_events(np.concatenate([self._held, levels]))

    def finish(self) -> Array:
        """The level that was kept back, at the end."""
        held, self._held = self._held, self._held[:0]
        held["flags"] |= np.uint16(Flag.LAST)
        return _numbered(held)

    def _clears(self, codes: Codes, is_snapshot: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Rows that begin a snapshot."""
        before = np.zeros(len(codes), np.bool_)
        for code in np.unique(codes).tolist():
            rows = np.flatnonzero(codes == code)
            before[rows[1:]] = is_snapshot[rows[:-1]]
            before[rows[0]] = self._was_snapshot.get(code, False)
            self._was_snapshot[code] = bool(is_snapshot[rows[-1]])
        return is_snapshot & ~before

    def _in_events(self, levels: Array) -> Array:
        """All but the last level, with those flagged that end their event."""
        first, second = levels[:-1], levels[1:]
        goes_on = (first["flags"] & Flag.SNAPSHOT) == (second["flags"] & Flag.SNAPSHOT)
        for field in _GROUP:
            goes_on &= first[field] == second[field]
        self._held = levels[-1:].copy()
        found = first.copy()
        found["flags"][~goes_on] |= np.uint16(Flag.LAST)
        return _numbered(found)

    def _words(
        self, batch: pa.RecordBatch, name: str, words: Mapping[str, int], row: int
    ) -> NDArray[np.int8]:
        """What the words of a column mean."""
        encoded = batch.column(name)
        texts = [str(text).strip().lower() for text in encoded.dictionary.to_pylist()]
        meaning = np.array([*(words.get(text, _UNKNOWN) for text in texts), _UNKNOWN], np.int8)
        found: NDArray[np.int8] = meaning[
            pc.fill_null(encoded.indices, len(texts)).to_numpy(zero_copy_only=False)
        ]
        wrong = first_true(found == _UNKNOWN)
        if wrong is not None:
            expected = " or ".join(words)
            raise Place(self._path, name, row).fault(wrong, expected, repr(encoded[wrong].as_py()), _MEND)
        return found


class Pictures:
    """Decodes ``book_snapshot_5`` and ``book_snapshot_25``; arguments as of `Changes`."""

    def __init__(self, path: str, names: Sequence[str], multipliers: tuple[float, float]) -> None:
        self._path = path
        self._multipliers = multipliers
        columns = names[len(STAMPS) :]
        depth = range(len(columns) // 4)
        self._columns = [f"{side}[{level}]" for side in ("bids", "asks") for level in depth]
        """Levels of the bids, then those of the asks, the best first."""

    @staticmethod
    def size_columns(names: Sequence[str]) -> list[str]:
        """Those of the columns that have sizes."""
        return [name for name in names if name.endswith(".amount")]

    def decode(
        self, batch: pa.RecordBatch, row: int, codes: Codes, times: Times, increments: int | Integers
    ) -> Array:
        """Levels of the next rows, after a clear for each; what a row leaves empty is not there.

        Raises:
            DataError: a value that cannot be; its row and column are named.
        """
        levels = np.zeros((len(batch), 1 + len(self._columns)), LEVEL)
        levels["instrument"] = codes[:, None]
        levels["ts_event"], levels["ts_init"] = times[0][:, None], times[1][:, None]
        levels["flags"] = Flag.SNAPSHOT
        levels["action"] = BookAction.SET
        levels["action"][:, 0] = BookAction.CLEAR
        is_there = np.ones(levels.shape, np.bool_)
        for at, name in enumerate(self._columns, 1):
            price, amount = (Place(self._path, f"{name}.{end}", row) for end in ("price", "amount"))
            values = fixed_point.floats(batch.column(price.column), price)
            known = np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)
            levels["price"][:, at] = fixed_point.prices(known, self._multipliers[0], price)
            known = fixed_point.floats(batch.column(amount.column), amount)
            sizes = fixed_point.sizes(known, self._multipliers[1], increments, amount, optional=True)
            levels["size"][:, at] = sizes
            levels["side"][:, at] = 1 if name.startswith("bids") else -1
            is_there[:, at] = ~np.isnan(values) & (sizes > 0)
        final = levels.shape[1] - 1 - np.argmax(is_there[:, ::-1], axis=1)
        levels["flags"][np.arange(len(batch)), final] |= np.uint16(Flag.LAST)
        return _numbered(levels[is_there])

    def finish(self) -> Array:
        """Nothing: every row is whole."""
        return np.zeros(0, LEVEL)


def times_of(path: str, batch: pa.RecordBatch, row: int) -> Times:
    """Both times of the rows.

    Raises:
        DataError: a time is missing or out of range.
    """
    found = []
    for name in ("timestamp", "local_timestamp"):
        column = batch.column(name)
        stamps: Any = pc.fill_null(column, _LATEST).to_numpy(zero_copy_only=False)
        wrong = first_true((stamps < 0) | (stamps >= _LATEST))
        if wrong is not None:
            expected, value = f"us since 1970, to below {_LATEST}", column[wrong].as_py()
            shown = "no value" if value is None else value
            raise Place(path, name, row).fault(wrong, expected, shown, _MEND)
        found.append(stamps * _MICROSECOND)
    return found[0], found[1]


def _numbered(levels: Array) -> Array:
    levels["sequence"] = np.arange(len(levels))
    return levels
