"""Market records: fixed width, little-endian, one NumPy dtype for each kind.

Every record starts with the same three fields:

* ``sequence`` (u64): the producer's own number, one for all kinds, starting at 1, without holes;
* ``ts_event`` (i64, ns): when it happened at the source;
* ``ts_init`` (i64, ns): when the fleet could first see it. Within one producer it never decreases, so it
  is the time that merging, watermarks and engine clocks use. A file without a receipt time has
  ``ts_init == ts_event``.

Prices are integers in 1e-9 of the quote currency (`PRICE_SCALE`); sizes are integers counted in the
instrument's ``size_increment``. A quote's side that is absent has size 0 and price 0.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PRICE_SCALE: Final = 1_000_000_000
"""Integer price units in one unit of currency."""

END_OF_TIME: Final = 2**63 - 1
"""Watermark of a producer that will say nothing more, ns."""

START_OF_TIME: Final = -(2**63)
"""Watermark of a producer that has said nothing yet, ns."""


_COMMON: Final = [("sequence", "<u8"), ("ts_event", "<i8"), ("ts_init", "<i8")]

TRADE: Final = np.dtype(
    [
        *_COMMON,
        ("price", "<i8"),
        ("size", "<i8"),
        ("instrument", "<u4"),
        ("aggressor_side", "i1"),
        ("side_origin", "u1"),
        ("flags", "<u2"),
    ]
)
"""One execution; 48 bytes."""

QUOTE: Final = np.dtype(
    [
        *_COMMON,
        ("bid_price", "<i8"),
        ("ask_price", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("instrument", "<u4"),
        ("flags", "<u2"),
        ("reserved", "<u2"),
    ]
)
"""Best bid and ask with their sizes; 64 bytes."""

BAR: Final = np.dtype(
    [
        *_COMMON,
        ("ts_open", "<i8"),
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<i8"),
        ("step", "<i8"),
        ("instrument", "<u4"),
        ("n_trades", "<u4"),
        ("basis", "u1"),
        ("origin", "u1"),
        ("flags", "<u2"),
        ("reserved", "<u4"),
    ]
)
"""Closed bar, stamped at its close; 96 bytes. ``step`` is in ns (time), size units (volume) or 1e-9
currency (dollar)."""

CLOCK: Final = np.dtype(_COMMON)
"""Passing of one second of the feed's time; 24 bytes."""

INSTRUMENT: Final = np.dtype(
    [
        *_COMMON,
        ("price_increment", "<i8"),
        ("size_increment", "<i8"),
        ("multiplier", "<i8"),
        ("instrument", "<u4"),
        ("reserved", "<u4"),
        ("instrument_id", "S40"),
        ("currency", "S8"),
        ("time_zone", "S32"),
    ]
)
"""Definition of an instrument row, published before its first use; 136 bytes. Increments and multiplier
are in 1e-9; ``time_zone`` is the IANA name of the venue's sessions."""

N_LEVELS: Final = 10
"""Levels of a side in a `DEPTH10` record."""

DEPTH10: Final = np.dtype(
    [
        *_COMMON,
        ("bid_prices", "<i8", (N_LEVELS,)),
        ("bid_sizes", "<i8", (N_LEVELS,)),
        ("ask_prices", "<i8", (N_LEVELS,)),
        ("ask_sizes", "<i8", (N_LEVELS,)),
        ("instrument", "<u4"),
        ("flags", "<u2"),
        ("n_bids", "u1"),
        ("n_asks", "u1"),
    ]
)
"""The ten best levels of both sides, best first; 352 bytes. Beyond ``n_bids`` and ``n_asks`` all is 0."""

BOOK_STATE: Final = np.dtype(
    [
        *_COMMON,
        ("instrument", "<u4"),
        ("flags", "<u2"),
        ("state", "u1"),
        ("state_reason", "u1"),
    ]
)
"""A book's `BookState` from here on, and the `BookReason`; 32 bytes."""

ORDER: Final = np.dtype(
    [
        *_COMMON,
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("instrument", "<u4"),
        ("flags", "<u2"),
        ("action", "u1"),
        ("side", "i1"),
    ]
)
"""Change of one order in a book, of a feed; 56 bytes. ``side`` is +1 for a bid and -1 for an ask."""

LEVEL: Final = np.dtype(
    [
        *_COMMON,
        ("price", "<i8"),
        ("size", "<i8"),
        ("instrument", "<u4"),
        ("flags", "<u2"),
        ("action", "u1"),
        ("side", "i1"),
    ]
)
"""Change of one price level in a book, of a feed; 48 bytes. ``side`` is +1 for bids and -1 for asks."""

KINDS: Final[dict[str, np.dtype[Any]]] = {
    "instrument": INSTRUMENT,
    "quote": QUOTE,
    "trade": TRADE,
    "bar": BAR,
    "clock": CLOCK,
    "depth10": DEPTH10,
    "book_state": BOOK_STATE,
}
"""Every record kind of the bus by its field name in a frame."""

FEED_KINDS: Final[dict[str, np.dtype[Any]]] = KINDS | {"order": ORDER, "level": LEVEL}
"""Every record kind of a feed: a source keeps orders and levels to itself."""


class Records:
    """One slice of the record flow: an array for each kind, interleaved by ``sequence``.

    Each array is sorted by ``sequence`` and so by ``ts_init``. Slicing gives views; nothing is copied.

    >>> clock = np.zeros(3, CLOCK)
    >>> clock["sequence"] = [1, 2, 3]
    >>> clock["ts_init"] = [10, 20, 20]
    >>> flow = Records({"clock": clock})
    >>> len(flow), flow.first_sequence, flow.last_sequence, len(flow.trade)
    (3, 1, 3, 0)
    >>> [len(part) for part in flow.split_at_sequence(2)]
    [1, 2]
    """

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = {kind: array for kind, array in arrays.items() if len(array)}

    def __getitem__(self, kind: str) -> Array:
        """Array of one kind; empty where the slice has none."""
        array = self._arrays.get(kind)
        return _EMPTY[kind] if array is None else array

    def __iter__(self) -> Iterator[tuple[str, Array]]:
        """Kinds present, each with its array."""
        return iter(self._arrays.items())

    def __len__(self) -> int:
        """Records of all kinds."""
        return sum(map(len, self._arrays.values()))

    @property
    def trade(self) -> Array:
        """Trades of the slice."""
        return self["trade"]

    @property
    def quote(self) -> Array:
        """Quotes of the slice."""
        return self["quote"]

    @property
    def bar(self) -> Array:
        """Bars of the slice."""
        return self["bar"]

    @property
    def clock(self) -> Array:
        """Clock records of the slice."""
        return self["clock"]

    @property
    def instrument(self) -> Array:
        """Instrument definitions of the slice."""
        return self["instrument"]

    @property
    def first_sequence(self) -> int:
        """Lowest sequence; the slice must not be empty."""
        return int(min(array["sequence"][0] for array in self._arrays.values()))

    @property
    def last_sequence(self) -> int:
        """Highest sequence; the slice must not be empty."""
        return int(max(array["sequence"][-1] for array in self._arrays.values()))

    @property
    def first_ts_init(self) -> int:
        """Earliest ``ts_init``; the slice must not be empty."""
        return int(min(array["ts_init"][0] for array in self._arrays.values()))

    @property
    def last_ts_init(self) -> int:
        """Latest ``ts_init``; the slice must not be empty."""
        return int(max(array["ts_init"][-1] for array in self._arrays.values()))

    def split_at_sequence(self, sequence: int) -> tuple[Records, Records]:
        """Records before ``sequence``, and the rest."""
        cuts = {kind: bisect_left(array["sequence"], sequence) for kind, array in self}
        return self._cut(cuts)

    def split_after_time(self, ts_init: int) -> tuple[Records, Records]:
        """Records with ``ts_init`` at or below the given time, and the rest."""
        cuts = {kind: bisect_right(array["ts_init"], ts_init) for kind, array in self}
        return self._cut(cuts)

    def only(self, kinds: frozenset[str]) -> Records:
        """The same slice with just these kinds."""
        return Records({kind: array for kind, array in self if kind in kinds})

    def sequences(self) -> NDArray[np.uint64]:
        """All sequences, ascending."""
        if not self._arrays:
            return np.zeros(0, np.uint64)
        return np.sort(np.concatenate([array["sequence"] for array in self._arrays.values()]))

    def numbered_from(self, base: int) -> Records:
        """Copy whose sequences are ``base`` higher; lower, where that is below 0."""
        return Records({kind: _shifted(array, base) for kind, array in self})

    @staticmethod
    def joined(parts: list[Records]) -> Records:
        """One slice made of consecutive ones."""
        if len(parts) == 1:
            return parts[0]
        kinds = dict.fromkeys(kind for part in parts for kind, _ in part)
        return Records({kind: _concatenated([part[kind] for part in parts]) for kind in kinds})

    def cut(self, length: int) -> Iterator[Records]:
        """Slices of ``length`` consecutive sequences each, in order; the last may be shorter."""
        if not self._arrays:
            return
        edges = np.arange(self.first_sequence + length, self.last_sequence + 1, length, dtype=np.uint64)
        cuts = {kind: _edges(array, edges) for kind, array in self}
        for place in range(len(edges) + 1):
            yield Records({kind: array[cuts[kind][place] : cuts[kind][place + 1]] for kind, array in self})

    def _cut(self, cuts: Mapping[str, int]) -> tuple[Records, Records]:
        head = Records({kind: array[: cuts[kind]] for kind, array in self})
        tail = Records({kind: array[cuts[kind] :] for kind, array in self})
        return head, tail


_EMPTY: Final = {kind: np.zeros(0, dtype) for kind, dtype in FEED_KINDS.items()}


def _edges(array: Array, sequences: NDArray[np.uint64]) -> list[int]:
    """Rows at which an array is cut to begin pieces at these sequences, with its own two ends."""
    return [0, *array["sequence"].searchsorted(sequences).tolist(), len(array)]


def _shifted(array: Array, base: int) -> Array:
    copy = _concatenated([array])
    copy["sequence"] += np.uint64(base % 2**64)
    return copy


def _concatenated(arrays: list[Array]) -> Array:
    """One new array; joined as bytes, because NumPy copies records field by field, twenty times slower."""
    parts = [np.ascontiguousarray(array).view(np.uint8) for array in arrays]
    return np.concatenate(parts).view(arrays[0].dtype)
