"""A hop with FastStream on a Redis stream, on uvloop: a subscriber that is handed the bytes as they came."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, Final

DISTRIBUTIONS: Final = ("faststream", "redis", "hiredis", "uvloop")
STREAM: Final = "faststream"

faststream: Any = import_module("faststream.redis")
uvloop: Any = import_module("uvloop")


class End:
    """A broker; the receiver has a subscriber."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._loop = uvloop.new_event_loop()
        self._mail: Any = None
        self._n = 0
        self._done: Any = None
        asyncio.set_event_loop(self._loop)
        self._broker = faststream.RedisBroker(
            f"unix://{options['path']}",
            username=options["user"],
            password=options["secret"],
            logger=None,
            apply_types=False,
        )
        if options["end"] == 1:
            stream = faststream.StreamSub(STREAM, last_id="0-0", polling_interval=1000)
            self._broker.subscriber(stream=stream)(self._hear)
        self._loop.run_until_complete(self._broker.start())

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish, each once the last was confirmed."""
        self._loop.run_until_complete(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Take what the subscriber hears."""
        self._mail, self._n, self._done = mail, n, self._loop.create_future()
        self._loop.run_until_complete(self._done)

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        for number in range(n):
            await asyncio.sleep(pause)
            await self._broker.publish(mail.make(number), stream=STREAM)

    async def _hear(self, message: bytes) -> None:
        if self._mail.hear(message) == self._n:
            self._done.set_result(None)
