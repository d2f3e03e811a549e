"""A server that answers what a test tells it, for all that a real one does not do on demand."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast

import hiredis

from bus.redis import Address, Patience, RedisTransport
from bus.redis.link import Link
from bus.topics import Bus
from tests.bus.transport_contract import wait

Answer = Callable[[list[bytes]], bytes | None]
"""Gets a command; its bytes are the reply. None is silence, `CLOSE` the end of the connection."""

CLOSE: Final = b""


def bulk(data: bytes) -> bytes:
    """A string reply."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def greeting(words: list[bytes]) -> bytes | None:
    """Reply to a command of a connection's greeting; None to any other command."""
    information = bulk(b"# Server\r\nredis_version:7.2.0\r\nrun_id:first\r\n")
    return {b"AUTH": b"+OK\r\n", b"PING": b"+PONG\r\n", b"INFO": information}.get(words[0])


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, open_ones: set[asyncio.Transport]) -> None:
        self._answer = answer
        self._open = open_ones
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            reply = self._answer(words)
            if reply == CLOSE:
                self._transport.close()
                return
            if reply is not None:
                self._transport.write(reply)


@contextlib.asynccontextmanager
async def scripted_server(answer: Answer) -> AsyncIterator[Address]:
    """A server on a Unix socket of its own."""
    open_ones: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="knotmeter-") as folder:
        path = str(Path(folder) / "s")
        server = await loop.create_unix_server(lambda: _Connection(answer, open_ones), path)
        try:
            yield Address(path=path, user="me", secret="x")
        finally:
            server.close()
            for transport in list(open_ones):
                transport.abort()
            while open_ones:
                await asyncio.sleep(0)


def with_transport(
    answer: Answer, script: Callable[[RedisTransport], Awaitable[Any]], patience: Patience, **options: Any
) -> None:
    """Run a script with a transport to a scripted server."""

    async def run() -> None:
        async with scripted_server(answer) as address:
            transport = RedisTransport(dict.fromkeys(Bus, address), patience, **options)
            try:
                await script(transport)
            finally:
                await transport.close()

    wait(run())


def with_link(
    answer: Answer, script: Callable[[Link], Awaitable[Any]], patience: Patience, **options: Any
) -> None:
    """Run a script with a link to a scripted server."""

    async def run() -> None:
        async with scripted_server(answer) as address:
            link = Link(address, patience, **options)
            try:
                await script(link)
            finally:
                link.drop("the test ends")

    wait(run())
