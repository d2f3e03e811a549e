"""A connection that comes back: found again with growing pauses, logged in, and asked whose run it is."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import hiredis

from bus.errors import BusError
from bus.redis.address import Address
from bus.redis.commands import command
from bus.redis.connection import MAX_OUTSTANDING_BYTES, Connection
from bus.redis.errors import (
    AccessRefusedError,
    ConnectionLostError,
    LoadingError,
    MalformedReplyError,
    ServerUnavailableError,
    refusal,
)
from bus.redis.patience import Patience

_INFO: Final = "INFO server"
_RUN_ID: Final = b"run_id:"
_ATTEMPTS: Final = 3


class Link:
    """The way to one server, over as many connections as it takes, one at a time."""

    def __init__(
        self, address: Address, patience: Patience, max_outstanding: int = MAX_OUTSTANDING_BYTES
    ) -> None:
        self.address = address
        self.run_id = ""
        """Run of the server at the other end of the last connection."""
        self.n_connections = 0
        """Connections made so far."""
        self._patience = patience
        self._max_outstanding = max_outstanding
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None

    @property
    def connection(self) -> Connection | None:
        """The connection, if there is one that lives: requests made over it cost no waiting."""
        connection = self._connection
        return connection if connection is not None and connection.alive else None

    async def ready(self) -> Connection:
        """A connection to a server that has loaded its log and knows us; callers share the attempt.

        Raises:
            AccessRefusedError: the server refuses user or secret.
            ServerUnavailableError: there was no such server for as long as patience lasts.
        """
        if (connection := self.connection) is not None:
            return connection
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
            # If all who wait are cancelled, nobody asks the task for its error.
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._opening)

    async def ask(self, request: bytes) -> Any:
        """Reply to a request that may be repeated: it is made again if the connection is lost.

        Raises:
            ServerUnavailableError: there is no server to be asked, or it was lost again and again.
        """
        for _ in range(_ATTEMPTS - 1):
            connection = await self.ready()
            try:
                return await connection.ask([request], len(request))
            except MalformedReplyError:
                raise
            except ConnectionLostError:
                continue
        return await _ask(await self.ready(), request)

    async def ask_run_id(self) -> str:
        """Run of the server, asked now.

        Raises:
            ServerUnavailableError: there is no server to be asked.
        """
        self.run_id = self._run_id(await self.ask(command(b"INFO", b"server")))
        return self.run_id

    def drop(self, reason: str) -> None:
        """Give the connection up; the next request makes another."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._connection is not None:
            message = f"Expected a reply from {self.address}, found that {reason}"
            self._connection.abort(ServerUnavailableError(message))
            self._connection = None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience.reconnect
        for delay in self._patience.delays():
            try:
                return await self._attempt()
            except AccessRefusedError:
                raise
            except LoadingError:
                give_up = loop.time() + self._patience.reconnect
            except (OSError, BusError) as error:
                if loop.time() + delay > give_up:
                    reason = str(error) or type(error).__name__
                    message = (
                        f"Expected a Redis server at {self.address} within {self._patience.reconnect:g} s, "
                        f"found none ({reason}); start it or correct the address"
                    )
                    raise ServerUnavailableError(message) from error
            await asyncio.sleep(delay)
        raise AssertionError

    async def _attempt(self) -> Connection:
        async with asyncio.timeout(self._patience.stall):
            connection = await self._connect()
        try:
            await self._greet(connection)
        except BaseException:
            connection.abort(ServerUnavailableError(f"Expected a greeting from {self.address}, got none"))
            raise
        self._connection = connection
        self.n_connections += 1
        return connection

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        address = self.address

        def make() -> Connection:
            return Connection(str(address), self._patience.stall, self._max_outstanding)

        if address.path is not None:
            _, connection = await loop.create_unix_connection(make, address.path)
        else:
            _, connection = await loop.create_connection(make, address.host, address.port)
        return connection

    async def _greet(self, connection: Connection) -> None:
        """Log in, learn the run, and see that commands are taken."""
        requests = {_INFO: command(b"INFO", b"server"), "PING": command(b"PING")}
        if self.address.secret is not None:
            user = self.address.user or "default"
            requests = {"AUTH": command(b"AUTH", user.encode(), self.address.secret.encode()), **requests}
        replies = await asyncio.gather(
            *(_ask(connection, request) for request in requests.values()), return_exceptions=True
        )
        for name, reply in zip(requests, replies, strict=True):
            if isinstance(reply, hiredis.ReplyError):
                raise refusal(str(reply), name, self.address)
            if isinstance(reply, BaseException):
                raise reply
        self.run_id = self._run_id(replies[-2])

    def _run_id(self, reply: Any) -> str:
        if isinstance(reply, hiredis.ReplyError):
            raise refusal(str(reply), _INFO, self.address)
        lines = reply.split(b"\r\n") if isinstance(reply, bytes) else []
        run_ids = [line.removeprefix(_RUN_ID).decode() for line in lines if line.startswith(_RUN_ID)]
        if len(run_ids) != 1:
            message = f"Expected a line `run_id:` from {self.address} to `{_INFO}`, got {reply!r:.100}"
            raise MalformedReplyError(message)
        return run_ids[0]


async def _ask(connection: Connection, request: bytes) -> Any:
    return await connection.ask([request], len(request))
