"""Books made of level records in the plainest way, and what was said of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bus.record_codes import BookAction, BookReason, BookState, Flag
from bus.records import Array, Records

Said = tuple[BookState, BookReason]

_SNAPSHOT = int(Flag.SNAPSHOT)
_LAST = int(Flag.LAST)


class Books:
    """A dict of levels for each instrument and side, held against the rules of snapshots and messages."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self.said: dict[int, list[Said]] = defaultdict(list)
        """States told of each instrument, and (LIVE, SNAPSHOT) where a snapshot ended."""
        self.whole: dict[int, bool] = defaultdict(bool)
        self.names: list[str] = []
        self.n_messages: dict[int, int] = defaultdict(int)
        self.n_crossed = 0
        """Messages after which a bid was at or above an ask."""
        self.sequence = 0
        self.ts_init = 0

    def apply(self, records: Records) -> Books:
        """Take records in their order; returns itself."""
        found = [(record["sequence"], kind, record) for kind, array in records for record in _each(array)]
        rows = sorted(found, key=lambda row: row[0])
        for sequence, kind, record in rows:
            assert sequence == self.sequence + 1
            assert record["ts_init"] >= self.ts_init
            self.sequence, self.ts_init = sequence, record["ts_init"]
            row = record["instrument"]
            if kind == "instrument":
                assert row == len(self.names)
                self.names.append(record["instrument_id"].decode())
            elif kind == "book_state":
                said = (BookState(record["state"]), BookReason(record["state_reason"]))
                self.said[row].append(said)
                self.whole[row] = False
            elif kind == "level":
                self._level(row, record)
        return self

    def of(self, row: int) -> dict[int, dict[int, int]]:
        """Both sides of a book."""
        return {side: dict(self.levels[row, side]) for side in (1, -1)}

    def best(self, row: int) -> tuple[int, int]:
        """Best bid and ask, 1e-9."""
        return max(self.levels[row, 1], default=0), min(self.levels[row, -1], default=0)

    def _level(self, row: int, record: dict[str, Any]) -> None:
        flags = record["flags"]
        assert flags & _SNAPSHOT or self.whole[row], "a change of a book that is not whole"
        if record["action"] == BookAction.CLEAR:
            assert flags & _SNAPSHOT
            self.levels[row, 1], self.levels[row, -1] = {}, {}
            self.whole[row] = False
        elif record["size"]:
            self.levels[row, record["side"]][record["price"]] = record["size"]
        else:
            self.levels[row, record["side"]].pop(record["price"], None)
        if flags & _LAST:
            self._end(row, flags)

    def _end(self, row: int, flags: int) -> None:
        if flags & _SNAPSHOT:
            self.said[row].append((BookState.LIVE, BookReason.SNAPSHOT))
            self.whole[row] = True
        self.n_messages[row] += 1
        bid, ask = self.best(row)
        self.n_crossed += bool(bid and ask and bid >= ask)


def _each(array: Array) -> list[dict[str, Any]]:
    """Records as plain Python, which is much faster to look at one by one."""
    names = array.dtype.names or ()
    return [dict(zip(names, record, strict=True)) for record in array.tolist()]
