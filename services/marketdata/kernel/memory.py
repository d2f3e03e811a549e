"""What the fold remembers from slice to slice, and how it grows with the instruments."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import START_OF_TIME, Array
from services.marketdata.kernel.book.layout import Books
from services.marketdata.kernel.shown import Shown

PROGRESS: Final = np.dtype([("ts_init", "<i8"), ("n_rows", "<i8"), ("n_clocks", "<i8")])
"""How far the feed has got: ``ts_init`` of its last record, instruments in use, clocks published."""


class Memory(NamedTuple):
    """Tables of the fold; changed by it."""

    progress: Array
    """One `PROGRESS` row."""
    tape: Array
    """`services.marketdata.kernel.tape.TAPE`, ``(n_instruments,)``."""
    quotes: Array
    """`services.marketdata.kernel.quotes.QUOTED`, ``(n_instruments, RECENT)``."""
    forming: Array
    """`shared.kernels.bars.FORMING`, ``(n_instruments, n_bars)``."""
    books: Books
    """Every book."""
    shown: Shown
    """What was shown of them."""


def blank_progress() -> Array:
    """Progress before the first record."""
    progress = np.zeros(1, PROGRESS)
    progress["ts_init"] = START_OF_TIME
    return progress


def capacity(size: int, needed: int) -> int:
    """``size`` doubled until it holds what is needed.

    >>> capacity(1, 5), capacity(8, 5)
    (8, 8)
    """
    while size < needed:
        size *= 2
    return size


def grown(known: Array, blank: Array) -> Array:
    """``known`` written over the beginning of ``blank``, which is at least as long.

    >>> grown(np.array([7, 8]), np.full(4, -1)).tolist()
    [7, 8, -1, -1]
    """
    blank[: len(known)] = known
    return blank


def own_copy(array: Array) -> Array:
    """Writable copy of contiguous records; of their bytes, because NumPy copies records field by field.

    >>> own_copy(np.arange(3)).tolist()
    [0, 1, 2]
    """
    return array.view(np.uint8).copy().view(array.dtype) if len(array) else array
