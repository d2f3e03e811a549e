"""Writes messages of ITCH 5.0, and reads them record by record with the standard library alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bus.record_codes import BookAction, Flag

LENGTHS: Final = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36,
    "F": 40, "E": 31, "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20,
    "O": 48,
}  # fmt: skip
"""As Nasdaq's specification of 5.0 has them."""

LAST: Final = int(Flag.LAST)
EMPTY: Final = ("order", 0, 0, 0, BookAction.CLEAR, 0, int(Flag.LAST | Flag.SNAPSHOT))
"""What stands before an instrument's first record: its book is empty."""


def head(kind: str, locate: int, time: int) -> bytes:
    """What every message begins with; the time in ns since midnight."""
    return kind.encode() + struct.pack(">HH", locate, 0) + time.to_bytes(6)


def directory(locate: int, time: int, symbol: str) -> bytes:
    """A message that gives a number its symbol."""
    return head("R", locate, time) + symbol.encode().ljust(8) + bytes(20)


def add(
    locate: int, time: int, reference: int, side: str, size: int, price: int, symbol: str = "AAA"
) -> bytes:
    """An order is added; price in 1e-4."""
    body = struct.pack(">QcI8sI", reference, side.encode(), size, symbol.encode().ljust(8), price)
    return head("A", locate, time) + body


def executed(locate: int, time: int, reference: int, size: int) -> bytes:
    """Part of an order was executed."""
    return head("E", locate, time) + struct.pack(">QIQ", reference, size, 1)


def executed_at(locate: int, time: int, reference: int, size: int, printed: str, price: int) -> bytes:
    """Part of an order was executed at another price."""
    return head("C", locate, time) + struct.pack(">QIQcI", reference, size, 1, printed.encode(), price)


def cancelled(locate: int, time: int, reference: int, size: int) -> bytes:
    """Part of an order was cancelled."""
    return head("X", locate, time) + struct.pack(">QI", reference, size)


def deleted(locate: int, time: int, reference: int) -> bytes:
    """An order was deleted."""
    return head("D", locate, time) + struct.pack(">Q", reference)


def replaced(locate: int, time: int, old: int, new: int, size: int, price: int) -> bytes:
    """An order was replaced."""
    return head("U", locate, time) + struct.pack(">QQII", old, new, size, price)


def hidden(locate: int, time: int, size: int, price: int, symbol: str = "AAA") -> bytes:
    """A trade with an order that was not displayed."""
    return head("P", locate, time) + struct.pack(
        ">QcI8sIQ", 0, b"B", size, symbol.encode().ljust(8), price, 2
    )


def cross(locate: int, time: int, size: int, price: int, symbol: str = "AAA") -> bytes:
    """A cross."""
    return head("Q", locate, time) + struct.pack(">Q8sIQc", size, symbol.encode().ljust(8), price, 3, b"O")


def broken(locate: int, time: int) -> bytes:
    """A trade that was broken."""
    return head("B", locate, time) + struct.pack(">Q", 1)


def file_of(*messages: bytes, has_lengths: bool = True) -> bytes:
    """A file of messages, each behind its length or behind zeros."""
    return b"".join(struct.pack(">H", len(one) if has_lengths else 0) + one for one in messages)


def messages_of(data: bytes) -> Iterator[bytes]:
    """Messages of a file, by the lengths of their types."""
    at = 0
    while at < len(data):
        length = LENGTHS[chr(data[at + 2])]
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


@dataclass
class Plain:
    """Decodes messages one at a time, with a dict of orders."""

    midnight: int
    orders: dict[int, list[int]] = field(default_factory=dict)
    """Price in 1e-4, what is left, side."""
    symbols: dict[int, str] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    n_unknown: int = 0

    def records(self, message: bytes) -> list[tuple[Any, ...]]:
        """``("order", time, symbol, id, price, size, action, side, flags)`` and ``("trade", …, side)``."""
        kind, locate = chr(message[0]), int.from_bytes(message[1:3])
        time = self.midnight + int.from_bytes(message[5:11])
        body = message[11:]
        if kind == "R":
            self.symbols[locate] = body[:8].decode().strip()
            return []
        decode = getattr(self, f"_on_{'A' if kind == 'F' else kind}", None)
        found = [] if decode is None else decode(body)
        if kind in "AFECXDUPQ" and locate not in self.begun:
            self.begun.add(locate)
            found = [EMPTY, *found]
        return [(name, time, self.symbols.get(locate, str(locate)), *rest) for name, *rest in found]

    def _on_A(self, body: bytes) -> list[Any]:  # noqa: N802
        reference, side, size, _, price = struct.unpack(">QcI8sI", body[:25])
        sign = 1 if side == b"B" else -1
        self.orders[reference] = [price, size, sign]
        return [("order", reference, price * 100_000, size, BookAction.ADD, sign, LAST)]

    def _on_E(self, body: bytes) -> list[Any]:  # noqa: N802
        reference, size, _ = struct.unpack(">QIQ", body)
        price, _, sign = self.orders.get(reference, (0, 0, 0))
        trade = [("trade", price * 100_000, size, -sign)] if reference in self.orders else []
        return [*trade, self._gone(reference, size)]

    def _on_C(self, body: bytes) -> list[Any]:  # noqa: N802
        reference, size, _, printed, price = struct.unpack(">QIQcI", body)
        sign = self.orders.get(reference, (0, 0, 0))[2]
        trade = [("trade", price * 100_000, size, -sign)] if printed == b"Y" else []
        return [*trade, self._gone(reference, size)]

    def _on_X(self, body: bytes) -> list[Any]:  # noqa: N802
        return [self._gone(*struct.unpack(">QI", body))]

    def _on_D(self, body: bytes) -> list[Any]:  # noqa: N802
        (reference,) = struct.unpack(">Q", body)
        return [self._gone(reference, self.orders.get(reference, (0, 0, 0))[1])]

    def _on_U(self, body: bytes) -> list[Any]:  # noqa: N802
        old, new, size, price = struct.unpack(">QQII", body)
        if old not in self.orders:
            return [self._gone(old, 0)]
        _, rest, sign = self.orders[old]
        name, *gone, _ = self._gone(old, rest)
        self.orders[new] = [price, size, sign]
        return [(name, *gone, 0), ("order", new, price * 100_000, size, BookAction.ADD, sign, LAST)]

    def _on_P(self, body: bytes) -> list[Any]:  # noqa: N802
        _, _, size, _, price, _ = struct.unpack(">QcI8sIQ", body)
        return [("trade", price * 100_000, size, 0)] if size else []

    def _on_Q(self, body: bytes) -> list[Any]:  # noqa: N802
        size, _, price, _, _ = struct.unpack(">Q8sIQc", body)
        return [("trade", price * 100_000, size, 0)] if size else []

    def _gone(self, reference: int, size: int) -> tuple[Any, ...]:
        price, rest, sign = self.orders.get(reference, (0, 0, 0))
        if reference not in self.orders:
            self.n_unknown += 1
        elif size >= rest:
            del self.orders[reference]
        else:
            self.orders[reference][1] -= size
        return ("order", reference, price * 100_000, size, BookAction.CANCEL, sign, LAST)
