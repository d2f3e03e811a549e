"""Records of a live feed, written one by one as messages arrive.

They are packed into bytes at once and become arrays only when they are taken: at a socket's edge a message
gives a record or two, and making an array for each would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

import numpy as np

from bus.record_codes import BookAction, BookReason, BookState, Flag, SideOrigin
from bus.records import BOOK_STATE, LEVEL, QUOTE, TRADE, Array, Records
from shared.errors import DataError
from shared.instruments import Instrument, to_records

_LEVEL: Final = Struct("<QqqqqIHBb").pack
_TRADE: Final = Struct("<QqqqqIbBH").pack
_QUOTE: Final = Struct("<QqqqqqqIHH").pack
_STATE: Final = Struct("<QqqIHBB").pack
_FLAGS: Final = Struct("<H").pack
_LAST_FLAGS: Final = slice(-4, -2)
"""Where the flags of the last level are, from the end."""

_DTYPES: Final = {"level": LEVEL, "trade": TRADE, "quote": QUOTE, "book_state": BOOK_STATE}
_SET: Final = int(BookAction.SET)
_CLEAR: Final = int(BookAction.CLEAR)
_LAST: Final = int(Flag.LAST)
_SNAPSHOT: Final = int(Flag.SNAPSHOT)
_REPORTED: Final = int(SideOrigin.REPORTED)

Change = tuple[int, int, int]
"""Price in 1e-9, size in the instrument's increment, and side (+1 bid, -1 ask) of a level."""


class Writer:
    """Numbers records 1, 2, 3, … and stamps them with the receipt time, for all sessions of a feed."""

    def __init__(self) -> None:
        self.sequence = 0
        """Number of the last record."""
        self.ts_init = 0
        """Receipt time of what is being written, ns; it never decreases."""
        self.taken = 0
        """Number of the last record that was taken."""
        self._definitions: list[Array] = []
        self._names: dict[str, int] = {}
        self._level = bytearray()
        self._trade = bytearray()
        self._quote = bytearray()
        self._state = bytearray()

    def __len__(self) -> int:
        """Records written and not yet taken."""
        return self.sequence - self.taken

    def begin_after(self, sequence: int) -> None:
        """Give the next record the number after this one; nothing may have been written."""
        self.sequence = self.taken = sequence

    def arrive(self, ts_init: int) -> None:
        """Something arrived at this time, ns; a clock that was set back is taken to stand still."""
        if ts_init > self.ts_init:
            self.ts_init = ts_init

    def define(self, instrument: Instrument) -> int:
        """Write the definition of an instrument; returns its row.

        Raises:
            DataError: the feed has it already.
        """
        row = len(self._names)
        if self._names.setdefault(instrument.instrument_id, row) != row:
            message = (
                f"Expected each instrument once, got {instrument.instrument_id} twice. Correct `symbols`."
            )
            raise DataError(message)
        self.sequence += 1
        record = to_records([instrument], row, self.ts_init)
        record["sequence"] = self.sequence
        self._definitions.append(record)
        return row

    def trade(self, row: int, ts_event: int, price: int, size: int, side: int, flags: int = _LAST) -> None:
        """Write a trade; ``side`` is the one that took: +1 buyer, -1 seller."""
        self.sequence += 1
        self._trade += _TRADE(self.sequence, ts_event, self.ts_init, price, size, row, side, _REPORTED, flags)

    def quote(self, row: int, ts_event: int, bid: tuple[int, int], ask: tuple[int, int]) -> None:
        """Write a quote of the venue's own, as (price, size) of both sides."""
        self.sequence += 1
        self._quote += _QUOTE(
            self.sequence, ts_event, self.ts_init, bid[0], ask[0], bid[1], ask[1], row, _LAST, 0
        )

    def state(self, row: int, state: BookState, reason: BookReason, *, is_last: bool = True) -> None:
        """Write what a book is worth from now on."""
        self.sequence += 1
        now, flags = self.ts_init, _LAST if is_last else 0
        self._state += _STATE(self.sequence, now, now, row, flags, state, reason)

    def levels(self, row: int, ts_event: int, changes: Sequence[Change]) -> None:
        """Write what one message changes in a book; the last record says so."""
        self._write_levels(row, ts_event, changes, 0)

    def snapshot(self, row: int, ts_event: int, levels: Sequence[Change]) -> None:
        """Write a whole book: it is emptied, then these are its levels."""
        self.sequence += 1
        flags = _SNAPSHOT if levels else _SNAPSHOT | _LAST
        self._level += _LEVEL(self.sequence, ts_event, self.ts_init, 0, 0, row, flags, _CLEAR, 0)
        self._write_levels(row, ts_event, levels, _SNAPSHOT)

    def take(self) -> Records:
        """Everything written since the last time."""
        buffers = {
            "level": self._level,
            "trade": self._trade,
            "quote": self._quote,
            "book_state": self._state,
        }
        arrays = {kind: np.frombuffer(data, _DTYPES[kind]) for kind, data in buffers.items() if data}
        if self._definitions:
            arrays["instrument"] = np.concatenate(self._definitions)
            self._definitions = []
        self._level, self._trade, self._quote, self._state = (bytearray() for _ in buffers)
        self.taken = self.sequence
        return Records(arrays)

    def _write_levels(self, row: int, ts_event: int, changes: Sequence[Change], flags: int) -> None:
        if not changes:
            return
        now, first = self.ts_init, self.sequence + 1
        packed = [
            _LEVEL(sequence, ts_event, now, price, size, row, flags, _SET, side)
            for sequence, (price, size, side) in enumerate(changes, first)
        ]
        self._level += b"".join(packed)
        self._level[_LAST_FLAGS] = _FLAGS(flags | _LAST)
        self.sequence += len(changes)
