"""Waits between attempts: they double, and a random part keeps many clients from coming back at once."""

from __future__ import annotations

from random import Random

_MOST_DOUBLINGS = 32


class Backoff:
    """Waits of a half to the whole of ``first * 2**n``, at most ``longest``, s; equal seeds wait equally.

    >>> backoff = Backoff(1.0, 4.0, Random(1))
    >>> [0.5 <= backoff.next() <= 1.0, 1.0 <= backoff.next() <= 2.0, 2.0 <= backoff.next() <= 4.0]
    [True, True, True]
    """

    def __init__(self, first: float, longest: float, chance: Random) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._n = 0

    def next(self) -> float:
        """Length of the next wait, s."""
        wait = self.wait(self._n)
        self._n = min(self._n + 1, _MOST_DOUBLINGS)
        return wait

    def wait(self, attempt: int) -> float:
        """Length of the wait after so many attempts, s."""
        most = min(self._first * 2.0 ** min(attempt, _MOST_DOUBLINGS), self._longest)
        return most * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The next wait is a first one."""
        self._n = 0
