"""Letting engines on that wait for each other, without anybody who sees them all at once.

Engines in a loop of events each wait for the other's promise. Each of them therefore says in `standing`
how far it has heard the others, and the earliest time at which it can handle anything more if none of them
says another word. Where everybody has heard everything that everybody had said, nothing is on its way
between them: then nobody in the loop says anything before the lowest of those times (the detection of
deadlock in Chandy & Misra 1981, as a consistent cut). Each engine concludes it by itself, from its own state
and the last standing of the others; a standing that was true once gives a conclusion that stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bus.cursors import Cursor
from bus.messages.control import Standing


class _Told(NamedTuple):
    said: int
    standing: Standing


class Lift:
    """What the other engines of a loop said of where they stand.

    >>> lift = Lift("a", ["b"])
    >>> lift.note("b", 3, Standing(earliest=20, heard={"a": 5}))
    >>> lift.certain_before(5, {"b": Cursor(1, 3)}, 10), lift.certain_before(6, {"b": Cursor(1, 3)}, 10)
    (10, None)
    """

    def __init__(self, name: str, peers: Iterable[str]) -> None:
        self.name = name
        self.peers = frozenset(peers)
        self._told: dict[str, _Told] = {}

    def note(self, peer: str, said: int, standing: Standing) -> None:
        """Take the standing of another engine, which had said so many events by then."""
        self._told[peer] = _Told(said, standing)

    def certain_before(self, said: int, heard: Mapping[str, Cursor], earliest: int) -> int | None:
        """Time before which nobody in the loop says anything more, ns; None if something may be on its way.

        Args:
            said: events this engine has said.
            heard: its cursors.
            earliest: earliest time at which it can handle anything if the others say nothing.
        """
        if len(self._told) < len(self.peers):
            return None
        counts = {peer: told.said for peer, told in self._told.items()} | {self.name: said}
        views = {peer: told.standing.heard for peer, told in self._told.items()}
        views[self.name] = {peer: cursor.sequence for peer, cursor in heard.items() if peer in self.peers}
        for view in views.values():
            if any(view.get(source, 0) != counts[source] for source in view.keys() & counts.keys()):
                return None
        return min(earliest, *(told.standing.earliest for told in self._told.values()))
