"""The worker of an engine's process: does its works one after the other in a thread, and says the results."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

from shared import works
from shared.clock import Clock
from shared.engine import Engine
from shared.runtime import Runtime
from shared.works import Asked


class Employer(Protocol):
    """Whose works they are."""

    engine: Engine[Any]

    @property
    def runtime(self) -> Runtime:
        """The engine's runtime."""

    def fail(self, error: Exception) -> None:
        """Note what ended the worker."""

    async def publish_input(self, event: bytes) -> None:
        """Append an event to Engine Logic, which the engine reads back."""


class Worker:
    """Works of one life of an engine; kernels release the interpreter's lock, so the event loop goes on."""

    def __init__(self, employer: Employer, clock: Clock) -> None:
        self._employer = employer
        self._clock = clock
        self._waiting: deque[Asked] = deque()
        self._task: asyncio.Task[None] | None = None

    def ask(self, asked: Asked) -> None:
        """Have a work done after those that were asked for before."""
        self._waiting.append(asked)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def end(self) -> None:
        """Drop what is not done; whoever goes on from the checkpoint asks again."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._do(self._waiting.popleft())
        except Exception as error:  # noqa: BLE001 - the task that attends to the engine ends with it
            self._employer.fail(error)

    async def _do(self, asked: Asked) -> None:
        runtime, now = self._employer.runtime, self._clock.now()
        result = await asyncio.to_thread(
            works.do, self._employer.engine, runtime.spec.name, asked, runtime.outputs.epoch, now
        )
        await self._employer.publish_input(result)
