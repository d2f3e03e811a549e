"""Cursors: how far each producer was read, so that nothing is handled twice and nothing is lost unsaid.

A cursor outlives the server it was read from: it is a (producer, epoch, sequence), not a place in a stream.
A new epoch of one producer starts its sequence at 1 again and says nothing about the others.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Cursor(msgspec.Struct, frozen=True):
    """Last sequence taken from a producer, within its epoch."""

    epoch: int
    sequence: int


class Missing(NamedTuple):
    """Sequences of a producer that were never seen: first and last, both included."""

    producer: str
    first_sequence: int
    last_sequence: int


class Cursors:
    """Cursors of all producers one engine reads.

    >>> cursors = Cursors()
    >>> cursors.admit("vpin", 1, 1, 3), cursors.missing
    (1, [])
    >>> cursors.admit("vpin", 1, 2, 3) is None  # seen before
    True
    >>> cursors.admit("vpin", 1, 6, 6), cursors.missing
    (6, [Missing(producer='vpin', first_sequence=4, last_sequence=5)])
    """

    def __init__(self, positions: dict[str, Cursor] | None = None) -> None:
        self.positions = dict(positions or {})
        self.missing: list[Missing] = []
        """Gaps found since the owner last took them."""

    def admit(self, producer: str, epoch: int, first: int, last: int) -> int | None:
        """Move the cursor over ``first`` to ``last``.

        Returns:
            The lowest sequence that is new, or None if all were seen before or belong to a past epoch.
        """
        known = self.positions.get(producer)
        seen = known.sequence if known and known.epoch == epoch else 0
        if (known and epoch < known.epoch) or last <= seen:
            return None
        if first > seen + 1:
            self.missing.append(Missing(producer, seen + 1, first - 1))
        self.positions[producer] = Cursor(epoch, last)
        return max(first, seen + 1)

    def take_missing(self) -> list[Missing]:
        """Gaps found since the last call."""
        missing, self.missing = self.missing, []
        return missing
