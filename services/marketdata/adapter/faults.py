"""What is wrong with a file, said in one form: where, what was expected, what was found, what to do.

Rows are counted from 1 over the rows of data; a header line is not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bus.records import Array
from shared.errors import DataError


def fault(
    path: str, expected: str, found: str, advice: str, *, row: int | None = None, column: str | None = None
) -> DataError:
    """The error for one place in a file.

    >>> str(fault("a.csv", "a number", "'x'", "Mend the file.", row=3, column="price"))
    "a.csv, row 3, column `price`: expected a number, found 'x'. Mend the file."
    """
    where = path
    if row is not None:
        where += f", row {row}"
    if column is not None:
        where += f", column `{column}`"
    return DataError(f"{where}: expected {expected}, found {found}. {advice}")


class Place(NamedTuple):
    """Where a block of one column's values stands."""

    path: str
    column: str
    first_row: int

    def fault(self, index: int, expected: str, found: object, advice: str) -> DataError:
        """The error for the value with this index in the block."""
        return fault(self.path, expected, str(found), advice, row=self.first_row + index, column=self.column)


def first_true(mask: Array) -> int | None:
    """Index of the first true element, None if there is none."""
    return int(np.argmax(mask)) if mask.any() else None


def first_failure(array: pa.Array, convert: Callable[[pa.Array], Any]) -> int:
    """Index of the first element on which ``convert`` fails, given that it fails on the array.

    Found by halving, so that the way without errors costs nothing.
    """
    start, stop = 0, len(array)
    while stop - start > 1:
        middle = (start + stop) // 2
        if _fails(array.slice(start, middle - start), convert):
            stop = middle
        else:
            start = middle
    return start


def check_order(path: str, times: Array, previous: int | None, first_row: int) -> None:
    """Refuse times that go backwards.

    Args:
        path: The file.
        times: Times of consecutive rows, ns.
        previous: Time of the row before them, ns; None if they are the first.
        first_row: Number of the first of them.

    Raises:
        DataError: a time is below the one before it; the row and both times are named.
    """
    if not len(times):
        return
    if previous is not None and times[0] < previous:
        wrong, before = 0, previous
    else:
        fall = first_true(times[1:] < times[:-1])
        if fall is None:
            return
        wrong, before = fall + 1, int(times[fall])
    raise fault(
        path,
        f"times that never decrease, so at least {timestamp(before)} of the row before",
        timestamp(int(times[wrong])),
        "Sort the file by time, or map `ts_init` to a column of receipt times that never decrease.",
        row=first_row + wrong,
    )


def timestamp(time: int) -> str:
    """A time in ns as ISO 8601 text in UTC.

    >>> timestamp(1_700_000_000_000_000_001)
    '2023-11-14T22:13:20.000000001Z'
    """
    return f"{np.datetime64(int(time), 'ns')}Z"


def _fails(array: pa.Array, convert: Callable[[pa.Array], Any]) -> bool:
    try:
        convert(array)
    except pa.ArrowInvalid:
        return True
    return False
