"""A hop with the Redis-backed message bus of nautilus_trader, as its live node has it.

It speaks TCP alone. Its publication is not confirmed; it is handed to a thread of the library.
"""

from __future__ import annotations

import asyncio
import json
import threading
from importlib import import_module
from typing import Any, Final

DISTRIBUTIONS: Final = ("nautilus_trader", "uvloop")
STREAM: Final = "nautilus"
HELLO: Final = b"hello"

nautilus: Any = import_module("nautilus_trader.core.nautilus_pyo3")
uvloop: Any = import_module("uvloop")


class End:
    """A message bus; the receiver has an external stream."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._loop = uvloop.new_event_loop()
        self._lock = threading.Lock()
        self._mail: Any = None
        self._early: list[bytes] = []
        self._n = 0
        self._listens, self._done = self._loop.create_future(), self._loop.create_future()
        self._bus = nautilus.RedisMessageBusDatabase(
            nautilus.TraderId("HOP-001"), nautilus.UUID4(), json.dumps(_config(options)).encode()
        )
        if options["end"] == 1:
            self._loop.run_until_complete(self._listen())

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish, each some time after the last."""
        self._loop.run_until_complete(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Take what the stream brings."""
        self._done = self._loop.create_future()
        with self._lock:
            self._mail, self._n = mail, n
            for payload in self._early:
                self._take(payload)
            self._early.clear()
        self._loop.run_until_complete(self._done)

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        for number in range(n):
            await asyncio.sleep(pause)
            self._bus.publish(STREAM, mail.make(number))

    async def _listen(self) -> None:
        """Listen from now on; the stream is heard once it has brought a message of our own."""
        self._listening = asyncio.ensure_future(self._bus.stream(self._hear))
        while not self._listens.done():
            self._bus.publish(STREAM, HELLO)
            await asyncio.sleep(0.1)

    def _hear(self, message: Any) -> None:
        payload = bytes(message.payload)
        if payload == HELLO:
            self._loop.call_soon_threadsafe(self._settle, self._listens)
            return
        with self._lock:  # this is a thread of the library
            if self._mail is None:
                self._early.append(payload)
            else:
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        if self._mail.hear(payload) == self._n:
            self._mail = None
            self._loop.call_soon_threadsafe(self._settle, self._done)

    def _settle(self, waiting: Any) -> None:
        if not waiting.done():
            waiting.set_result(None)


def _config(options: dict[str, Any]) -> dict[str, Any]:
    database = {"type": "redis", "host": "127.0.0.1", "port": options["port"]}
    return {
        "database": {**database, "username": options["user"], "password": options["secret"], "ssl": False},
        "encoding": "msgpack",
        "use_trader_prefix": False,
        "use_trader_id": False,
        "use_instance_id": False,
        "streams_prefix": STREAM,
        "stream_per_topic": False,
        "external_streams": [STREAM],
    }
