"""A hop with redis-py: its blocking client, or its asyncio client on uvloop, both with the hiredis parser."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, Final

DISTRIBUTIONS: Final = ("redis", "hiredis", "uvloop")
STREAM: Final = "redispy"

redis: Any = import_module("redis")
redis_asyncio: Any = import_module("redis.asyncio")
uvloop: Any = import_module("uvloop")


def End(options: dict[str, Any]) -> Any:  # noqa: N802  (stands for a class)
    """One end of the kind that was asked for."""
    where = {"unix_socket_path": options["path"], "username": options["user"], "password": options["secret"]}
    return (Waiting if options["kind"] == "asyncio" else Blocking)(where, f"{STREAM}-{options['kind']}")


class Blocking:
    """The blocking client."""

    def __init__(self, where: dict[str, Any], stream: str) -> None:
        self._client = redis.Redis(**where)
        self._stream = stream
        self._place: Any = "0-0"

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Append, each once the last was confirmed."""
        for number in range(n):
            select.select([], [], [], pause)
            self._client.xadd(self._stream, {"e": mail.make(number)})

    def receive(self, mail: Any, n: int) -> None:
        """Read until all have come."""
        heard = 0
        while heard < n:
            ((_, entries),) = self._client.xread({self._stream: self._place}, block=0)
            for self._place, fields in entries:
                heard = mail.hear(fields[b"e"])


class Waiting:
    """The asyncio client."""

    def __init__(self, where: dict[str, Any], stream: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._client = redis_asyncio.Redis(**where)
        self._stream = stream
        self._place: Any = "0-0"

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Append, each once the last was confirmed."""
        self._run(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Read until all have come."""
        self._run(self._receive(mail, n))

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        for number in range(n):
            await asyncio.sleep(pause)
            await self._client.xadd(self._stream, {"e": mail.make(number)})

    async def _receive(self, mail: Any, n: int) -> None:
        heard = 0
        while heard < n:
            ((_, entries),) = await self._client.xread({self._stream: self._place}, block=0)
            for self._place, fields in entries:
                heard = mail.hear(fields[b"e"])

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop.run_until_complete(work)
