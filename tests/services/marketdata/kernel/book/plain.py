"""A book of dictionaries and lists, slow and plain, that the kernels are held against."""

from __future__ import annotations

from typing import Any

from bus.record_codes import BookAction
from services.marketdata.kernel.book.apply import BookFault

Queue = list[list[int]]
"""Id and size of each order, in the order of their turn; of a plain level one pair with the id -1."""


class PlainBook:
    """One instrument's book."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, Queue]] = {1: {}, -1: {}}

    def apply_order(self, record: Any) -> BookFault:
        """Apply an order record."""
        action, order_id, size = int(record["action"]), int(record["order_id"]), int(record["size"])
        side, price = int(record["side"]), int(record["price"])
        if action == BookAction.CLEAR:
            self.truncate(0)
            return BookFault.NONE
        place = self._find(order_id)
        if action == BookAction.ADD:
            return BookFault.DOUBLE_ORDER if place else self._enter(side, price, order_id, size)
        if place is None:
            return BookFault.UNKNOWN_ORDER
        old_side, old_price, entry = place
        if action == BookAction.CANCEL:
            fault = BookFault.TOO_MUCH_TAKEN if size > entry[1] else BookFault.NONE
            self._shrink(place, max(entry[1] - size, 0))
            return fault
        if (old_side, old_price) == (side, price) and size <= entry[1]:
            self._shrink(place, size)
            return BookFault.NONE
        self._shrink(place, 0)
        return self._enter(side, price, order_id, size)

    def apply_level(self, record: Any) -> BookFault:
        """Apply a level record."""
        side, price, size = int(record["side"]), int(record["price"]), int(record["size"])
        if record["action"] == BookAction.CLEAR:
            self.truncate(0)
        elif any(entry[0] >= 0 for queue in self.sides[side].values() for entry in queue):
            return BookFault.MIXED
        elif size:
            self.sides[side][price] = [[-1, size]]
        else:
            self.sides[side].pop(price, None)
        return BookFault.NONE

    def truncate(self, n: int) -> None:
        """Keep the best levels."""
        for side, levels in self.sides.items():
            for price in sorted(levels, key=lambda price: -price * side)[n:]:
                del levels[price]

    def ladder(self, side: int) -> list[tuple[int, int, int]]:
        """Price, size and orders of each level, best first."""
        return [
            (price, sum(size for _, size in queue), sum(order_id >= 0 for order_id, _ in queue))
            for price, queue in sorted(self.sides[side].items(), key=lambda level: -level[0] * side)
        ]

    def best(self) -> tuple[int, int, int, int]:
        """Best bid and ask with their sizes."""
        bid, ask = (self.ladder(side) or [(0, 0, 0)] for side in (1, -1))
        return (*bid[0][:2], *ask[0][:2])

    def _find(self, order_id: int) -> tuple[int, int, list[int]] | None:
        for side, levels in self.sides.items():
            for price, queue in levels.items():
                for entry in queue:
                    if entry[0] == order_id:
                        return side, price, entry
        return None

    def _enter(self, side: int, price: int, order_id: int, size: int) -> BookFault:
        if any(entry[0] < 0 for queue in self.sides[side].values() for entry in queue):
            return BookFault.MIXED
        if size:
            self.sides[side].setdefault(price, []).append([order_id, size])
        return BookFault.NONE

    def _shrink(self, place: tuple[int, int, list[int]], size: int) -> None:
        side, price, entry = place
        entry[1] = size
        if size == 0:
            self.sides[side][price].remove(entry)
            if not self.sides[side][price]:
                del self.sides[side][price]
