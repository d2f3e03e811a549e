"""Sharing the one event loop: long work gives way in short turns, heavy work waits in a short queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from shared.face.problem import ProblemError

P = ParamSpec("P")
R = TypeVar("R")

MOST_WAITING: Final = 16
"""Computations that wait at most; more are turned away at once."""


async def turn() -> None:
    """Let everything else that is ready go first."""
    await asyncio.sleep(0)


class Computations:
    """Runs computations on data that requests bring, one at a time, beside the event loop.

    They belong into a thread because their kernels release the interpreter; one at a time because a second
    core has other engines on it.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._n_waiting = 0
        self._free = asyncio.Semaphore(1)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Result of a function, once those before it have finished.

        Raises:
            ProblemError: too many wait already.
        """
        if self._n_waiting > self._most_waiting:
            detail = (
                f"expected at most {self._most_waiting} computations waiting, found as many; try again later"
            )
            raise ProblemError(503, detail, headers={"retry-after": "1"})
        self._n_waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(function, *args, **kwargs)
        finally:
            self._n_waiting -= 1
