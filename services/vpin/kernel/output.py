"""Where a pass of the fold writes, how far it has got, and why it stopped."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import Array
from services.vpin.kernel.layout import BUCKET

WRITTEN: Final = 0
NEEDED: Final = 1
TRADE: Final = 2
QUOTE: Final = 3
CLOCK: Final = 4
"""Places in the cursor: rows written; rows that the next record needs, or what is wrong with it; the next
record of each kind."""

DONE: Final = 0
SESSION: Final = 1
FULL: Final = 2
REFUSED: Final = 3
"""Why a pass stopped: at the end, before a session that begins, for want of room, before a trade that it
cannot take."""

LAST: Final = np.uint64(2**64 - 1)
"""A sequence behind all others."""

_ROOM: Final = 256
"""Buckets that an output has room for at first."""


class Output(NamedTuple):
    """Where completed buckets go."""

    rows: Array
    """Records of `services.vpin.kernel.layout.BUCKET`."""
    cursor: Array
    """Integers, at the places named above."""


def blank_output(room: int = _ROOM) -> Output:
    """Make an output with room for so many buckets."""
    return Output(np.empty(room, BUCKET), np.zeros(5, np.int64))
