"""What the language and its loop cost: a bare uvloop protocol that takes whatever comes for its request."""

from __future__ import annotations

import asyncio
import socket
import threading
from importlib.metadata import version
from typing import Any, cast

import uvloop

DISTRIBUTIONS = ("uvloop",)


class Worker:
    """One process; its event loop has a thread to itself, beside one that waits for requests."""

    def open(self, path: str, response: str) -> dict[str, Any]:
        """Answer everything with this, head and body; gives the port."""
        del path  # nobody looks at it
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=uvloop.run, args=(_serve(listener, response.encode()),), daemon=True).start()
        return {
            "port": listener.getsockname()[1],
            "versions": {name: version(name) for name in DISTRIBUTIONS},
        }


class _Protocol(asyncio.Protocol):
    def __init__(self, response: bytes) -> None:
        self._response = response
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._response)


async def _serve(listener: socket.socket, response: bytes) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Protocol(response), sock=listener)
    await server.serve_forever()
