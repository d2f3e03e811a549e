"""Computations wait for each other, and few of them wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shared.face.problem import ProblemError
from shared.face.turns import Computations
from tests.shared.face.faces import DEADLINE_SECONDS


def test_computations_run_one_at_a_time_beside_the_loop() -> None:
    """In another thread, in the order of their coming; the loop goes on meanwhile."""
    done: list[int] = []
    going, release = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number == 0:
            going.set()
            release.wait(DEADLINE_SECONDS)
        done.append(number)
        return threading.get_ident()

    async def script() -> list[int]:
        computations = Computations()
        tasks = [asyncio.create_task(computations.run(work, number)) for number in range(3)]
        while not going.is_set():
            await asyncio.sleep(0)
        assert done == []
        release.set()
        return await asyncio.gather(*tasks)

    assert threading.get_ident() not in asyncio.run(script())
    assert done == [0, 1, 2]


def test_too_many_are_turned_away_at_once() -> None:
    """503 with the time after which to try again; those that wait are not disturbed."""
    release = threading.Event()

    async def script() -> None:
        computations = Computations(most_waiting=2)
        tasks = [asyncio.create_task(computations.run(release.wait, DEADLINE_SECONDS)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="at most 2 computations waiting") as caught:
            await computations.run(release.wait, 0)
        assert (caught.value.status, caught.value.headers) == (503, {"retry-after": "1"})
        release.set()
        assert await asyncio.gather(*tasks) == [True] * 3

    asyncio.run(script())
