"""What DBN's schemas ``mbo`` and ``mbp-10`` say of books, a block at a time.

``mbo``: a record is a change of an order (``A``, ``C``, ``M``, ``R``), a trade (``T``) or nothing (``F``,
``N``). The venue's flag for the last record of an event is ours; where it stands on a record that changes no
book, the change before it gets it. A snapshot begins with a clear and ends with our last flag, also where the
file has neither.

``mbp-10``: a record is a picture of the ten best levels, and gives what differs from the last one of its
instrument, whose first picture is a snapshot. Each picture is an event of its own. A record of a trade gives
that before its picture.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bus.records import LEVEL, N_LEVELS, ORDER, TRADE, Array, Records
from services.marketdata.adapter.settings import Kind
from services.marketdata.kernel import dbn, dbn_levels, dbn_orders

_MOST_CLEARS: Final = 256
"""Room for clears that are put before snapshots, at first."""

_PRICED: Final = tuple(map(ord, "AMT"))
_SIDED: Final = tuple(map(ord, "AM"))


class Part(NamedTuple):
    """A block of records of a file."""

    rows: Array
    codes: dbn.Codes
    first_row: int
    previous: int
    """Time of the record before them, ns."""
    is_end: bool
    """Whether nothing follows."""


class Decoded(NamedTuple):
    """What records gave."""

    records: Records
    n_used: int
    """Records that were decoded; the rest belongs with those that follow."""
    wrong: int = -1
    """Index of the first that cannot be, -1 if there is none."""


class OrderDecoder:
    """Decodes ``mbo``; remembers of each instrument whether it is in a snapshot."""

    def __init__(self, form: tuple[int, int], kinds: tuple[Kind, ...]) -> None:
        self._form = form
        self._kinds = kinds
        self._in_snapshot = np.zeros(0, np.bool_)

    def decode(self, part: Part, n_instruments: int) -> Decoded:
        """Orders and trades of whole events."""
        rows, codes = part.rows, part.codes
        self._in_snapshot = _grown(self._in_snapshot, n_instruments, False)
        count = len(rows)
        if not part.is_end and "order" in self._kinds:
            count = dbn_orders.whole_events(rows, codes, n_instruments)
        before = self._in_snapshot.copy()
        found = self._orders(part, count, _MOST_CLEARS)
        if found.wrong == dbn_orders.FULL:
            self._in_snapshot = before
            found = self._orders(part, count, count + 1)
        return found

    def _orders(self, part: Part, count: int, most_clears: int) -> Decoded:
        orders = np.empty(count + most_clears if "order" in self._kinds else 0, ORDER)
        trades = np.empty(count if "trade" in self._kinds else 0, TRADE)
        n_orders, n_trades, wrong = dbn_orders.orders(
            part.rows, part.codes, count, self._form, part.previous, self._in_snapshot, orders, trades
        )
        found = {"order": orders[:n_orders], "trade": trades[:n_trades].copy()}
        return Decoded(Records(found), count, wrong)

    def fault(self, row: Array) -> tuple[str, str, str]:
        """Column, what was expected and what was found of a record whose type, length and time are right."""
        action = int(row["action"])
        if chr(action) not in dbn_orders.ACTIONS:
            return "action", f"one of {', '.join(dbn_orders.ACTIONS)}", repr(chr(action))
        if action in _PRICED and row["price"] == dbn.UNDEFINED_PRICE:
            return "price", "a price", "none"
        assert action in _SIDED
        return "side", "B or A, the side of the order", repr(chr(row["side"]))


class LevelDecoder:
    """Decodes ``mbp-10``; remembers the last picture of each instrument."""

    def __init__(self, form: tuple[int, int], kinds: tuple[Kind, ...]) -> None:
        self._form = form
        self._kinds = kinds
        self._pictures = np.zeros((0, 2, N_LEVELS, 2), np.int64)
        self._counts = np.zeros((0, 2), np.int64)

    def decode(self, part: Part, n_instruments: int) -> Decoded:
        """Levels and trades."""
        self._pictures = _grown(self._pictures, n_instruments, 0)
        self._counts = _grown(self._counts, n_instruments, dbn_levels.NEVER)
        count = len(part.rows)
        levels = np.empty(count * dbn_levels.MOST_CHANGES if "level" in self._kinds else 0, LEVEL)
        trades = np.empty(count if "trade" in self._kinds else 0, TRADE)
        last = (self._pictures, self._counts)
        n_levels, n_trades, wrong = dbn_levels.levels(
            part.rows, part.codes, self._form, part.previous, last, levels, trades
        )
        found = {"level": levels[:n_levels].copy(), "trade": trades[:n_trades]}
        return Decoded(Records(found), count, wrong)

    def fault(self, row: Array) -> tuple[str, str, str]:
        """Column, what was expected and what was found of a record whose type, length and time are right."""
        if row["action"] == dbn.TRADE and row["price"] == dbn.UNDEFINED_PRICE:
            return "price", "a price", "none"
        return "levels", "the levels of each side, the best first", "another order"


def _grown(table: Array, length: int, value: int) -> Array:
    """A table with a row for every instrument."""
    more = length - len(table)
    if not more:
        return table
    return np.concatenate([table, np.full((more, *table.shape[1:]), value, table.dtype)])
