"""The book that Kraken's checksum is taken over: at most so many levels of a side, and their texts.

The checksum is the CRC-32 of the ten best asks, lowest first, and then the ten best bids, highest first; of
each level the price and the size as the venue wrote them, without the point and without leading zeros. Levels
beyond the subscribed depth are dropped before.

Source: Kraken's WebSocket API v1, "Checksum", and its example, which is tested.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final
from zlib import crc32

CHECKED_LEVELS: Final = 10
"""Levels of a side that the checksum covers."""


class CheckedBook:
    """Both sides of one book; a side is +1 for bids and -1 for asks."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._texts: dict[int, dict[int, bytes]] = {1: {}, -1: {}}
        self._keys: dict[int, list[int]] = {1: [], -1: []}

    def __len__(self) -> int:
        """Levels of both sides."""
        return len(self._keys[1]) + len(self._keys[-1])

    def clear(self) -> None:
        """Remove all levels."""
        self._texts = {1: {}, -1: {}}
        self._keys = {1: [], -1: []}

    def set(self, side: int, price: int, size: int, texts: tuple[str, str]) -> None:
        """A level has this size now; 0 removes it, and removing an unknown one is normal.

        Args:
            side: +1 bid, -1 ask.
            price: Price in 1e-9.
            size: Size; only whether it is 0 counts.
            texts: Price and size as the venue wrote them.
        """
        known, keys, key = self._texts[side], self._keys[side], -side * price
        if size:
            if key not in known:
                insort(keys, key)
            known[key] = f"{_digits(texts[0])}{_digits(texts[1])}".encode()
        elif known.pop(key, None) is not None:
            del keys[bisect_left(keys, key)]

    def truncate(self) -> list[tuple[int, int, int]]:
        """Drop what lies beyond the depth; returns it as changes (price, 0, side)."""
        dropped = []
        for side, keys in self._keys.items():
            while len(keys) > self.depth:
                key = keys.pop()
                del self._texts[side][key]
                dropped.append((-side * key, 0, side))
        return dropped

    def checksum(self) -> int:
        """CRC-32 of the best levels, unsigned."""
        asks, bids = self._texts[-1], self._texts[1]
        best = [asks[key] for key in self._keys[-1][:CHECKED_LEVELS]]
        best += [bids[key] for key in self._keys[1][:CHECKED_LEVELS]]
        return crc32(b"".join(best))


def _digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")
