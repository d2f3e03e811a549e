"""From the instrument ids of DBN records to codes, one pass over a block.

The table is open-addressed with linear probing, a power of two in length and at most half full. A record with
the id of the one before it costs no look-up.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.marketdata.kernel.dbn import Codes, Rows
from shared.kernels.compile import inlined, kernel

ENTRY: Final = np.dtype([("id", "<u4"), ("code", "<i4")])
"""An id and its code, `NONE` where the place is free."""

NONE: Final = -1

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_UPPER: Final = np.uint64(32)


@kernel
def codes(rows: Rows, table: NDArray[np.void], first: int, out: Codes) -> int:
    """Write the codes of records from ``first`` on; returns the first whose id is not in the table, or -1."""
    id_, code = np.uint32(0), NONE
    for index in range(first, len(rows)):
        found = rows[index]["instrument_id"]
        if found != id_ or code == NONE:
            id_, code = found, table[_place(table, found)]["code"]
            if code == NONE:
                return index
        out[index] = code
    return -1


@kernel
def put(table: NDArray[np.void], id_: int, code: int) -> None:
    """Put an id in that is not there; there is room for it."""
    place = _place(table, id_)
    table[place]["id"] = id_
    table[place]["code"] = code


@inlined
def _place(table: NDArray[np.void], id_: int) -> int:
    """Where an id is, or belongs."""
    mask = len(table) - 1
    place = np.int64((np.uint64(id_) * _GOLDEN) >> _UPPER) & mask
    while table[place]["code"] != NONE and table[place]["id"] != id_:
        place = (place + 1) & mask
    return int(place)
