"""A hop with ZeroMQ, publisher to subscriber over ipc, blocking or on uvloop: no server stands between."""

from __future__ import annotations

import asyncio
import select
from importlib import import_module
from typing import Any, Final

DISTRIBUTIONS: Final = ("pyzmq", "uvloop")

zmq: Any = import_module("zmq")
zmq_asyncio: Any = import_module("zmq.asyncio")
uvloop: Any = import_module("uvloop")


def End(options: dict[str, Any]) -> Any:  # noqa: N802  (stands for a class)
    """One end of the kind that was asked for."""
    where = f"ipc://{options['path']}.{options['kind']}"
    return (Waiting if options["kind"] == "asyncio" else Blocking)(where, sends=options["end"] == 0)


class Blocking:
    """A publisher that has seen its subscriber, or the subscriber."""

    def __init__(self, where: str, *, sends: bool) -> None:
        self._socket = _socket(zmq.Context(), where, sends=sends)
        self._is_heard = False

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish, each some time after the last."""
        if not self._is_heard:
            self._socket.recv()  # the subscription
            self._is_heard = True
        for number in range(n):
            select.select([], [], [], pause)
            self._socket.send(mail.make(number))

    def receive(self, mail: Any, n: int) -> None:
        """Receive until all have come."""
        while mail.hear(self._socket.recv()) < n:
            pass


class Waiting:
    """The same on an event loop."""

    def __init__(self, where: str, *, sends: bool) -> None:
        self._loop = uvloop.new_event_loop()
        self._socket = _socket(zmq_asyncio.Context(), where, sends=sends)
        self._is_heard = False

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish, each some time after the last."""
        self._loop.run_until_complete(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Receive until all have come."""
        self._loop.run_until_complete(self._receive(mail, n))

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        if not self._is_heard:
            await self._socket.recv()  # the subscription
            self._is_heard = True
        for number in range(n):
            await asyncio.sleep(pause)
            await self._socket.send(mail.make(number))

    async def _receive(self, mail: Any, n: int) -> None:
        while mail.hear(await self._socket.recv()) < n:
            pass


def _socket(context: Any, where: str, *, sends: bool) -> Any:
    socket = context.socket(zmq.XPUB if sends else zmq.SUB)
    if sends:
        socket.bind(where)
    else:
        socket.connect(where)
        socket.subscribe(b"")
    return socket
