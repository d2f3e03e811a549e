"""One connection to a server: requests are pipelined, replies come in their order.

The hot path of both buses. A request is a list of byte pieces and a callable that gets its reply, at once
and on the event loop; there is no task, queue or lock between a socket and the one who waits. Bytes are
received into one buffer that is used again and again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import hiredis

from bus.errors import BusError
from bus.redis.commands import Chunks
from bus.redis.errors import ConnectionLostError, MalformedReplyError, StalledServerError

RECEIVE_BYTES: Final = 256 * 1024
"""Size of the receive buffer."""

MAX_OUTSTANDING_BYTES: Final = 32 * 1024 * 1024
"""Bytes that may be sent and unanswered; further requests wait, in order."""

MAX_REPLY_BYTES: Final = 512 * 1024 * 1024
"""Largest reply that is waited for."""

_KEPT_BYTES: Final = 16 * 1024 * 1024
_GRACE: Final = 0.1

Deliver = Callable[[Any], None]
"""Who gets a reply: the reply, `hiredis.ReplyError` among them, or the `BusError` that took its place."""


class _Request(NamedTuple):
    size: int
    deliver: Deliver
    patience: float
    sent: float


class _Unsent(NamedTuple):
    chunks: Chunks
    size: int
    deliver: Deliver
    patience: float


class Connection(asyncio.BufferedProtocol):
    """Pipelined requests over one socket, first in, first out."""

    def __init__(self, name: str, stall: float, max_outstanding: int = MAX_OUTSTANDING_BYTES) -> None:
        self._name = name
        self._stall = stall
        self._limit = max_outstanding
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._reader = hiredis.Reader(notEnoughData=_MISSING)
        self._reader.setmaxbuf(_KEPT_BYTES)
        self._sent: deque[_Request] = deque()
        self._unsent: deque[_Unsent] = deque()
        self._progress = 0.0
        self._unwritten = 0
        self._watch: asyncio.TimerHandle | None = None
        self._error: BusError | None = None
        self.outstanding = 0
        """Bytes sent and not yet answered."""

    @property
    def alive(self) -> bool:
        """Whether requests can be made."""
        return self._transport is not None

    def send(self, chunks: Chunks, size: int, deliver: Deliver, patience: float = 0.0) -> None:
        """Make a request; views in ``chunks`` must not change until its reply is delivered.

        Args:
            chunks: bytes of the command.
            size: how many they are.
            deliver: gets the reply, from the event loop; it must not raise.
            patience: seconds this reply may take beyond the time after which a server is given up.
        """
        if self._transport is None:
            deliver(self._error or ConnectionLostError(f"Expected a connection to {self._name}, found none"))
        elif self._unsent or (self.outstanding and self.outstanding + size > self._limit):
            self._unsent.append(_Unsent(chunks, size, deliver, patience))
        else:
            self._write(chunks, size, deliver, patience)

    async def ask(self, chunks: Chunks, size: int) -> Any:
        """Make a request and wait for its reply.

        Raises:
            ConnectionLostError: it will not come.
        """
        future = self._loop.create_future()
        self.send(chunks, size, _settle(future))
        return await future

    def abort(self, error: BusError) -> None:
        """Give the connection up; every waiting request gets the error."""
        transport, self._transport = self._transport, None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if transport is not None:
            self._error = error
            transport.abort()
        waiting = [request.deliver for request in self._sent] + [request.deliver for request in self._unsent]
        self._sent.clear()
        self._unsent.clear()
        self.outstanding = 0
        for deliver in waiting:
            deliver(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self._transport is not None:
            reason = exc or "it was closed"
            n_waiting = len(self._sent) + len(self._unsent)
            message = f"Expected {self._name} to stay connected, got {reason} with {n_waiting} requests open"
            self.abort(ConnectionLostError(message))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where received bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes were received."""
        self._progress = self._loop.time()
        reader = self._reader
        try:
            reader.feed(self._buffer, 0, nbytes)  # type: ignore[arg-type]  # any buffer is taken
            while (reply := reader.gets()) is not _MISSING:
                if not self._sent:
                    self._malformed(f"{reply!r:.100} that nobody asked for")
                    return
                request = self._sent.popleft()
                self.outstanding -= request.size
                request.deliver(reply)
        except hiredis.ProtocolError as error:
            self._malformed(str(error))
            return
        if reader.len() > MAX_REPLY_BYTES:
            self._malformed(f"a reply above {MAX_REPLY_BYTES} bytes")
        while self._unsent and self._transport and self._fits(self._unsent[0].size):
            self._write(*self._unsent.popleft())

    def _fits(self, size: int) -> bool:
        return not self.outstanding or self.outstanding + size <= self._limit

    def _write(self, chunks: Chunks, size: int, deliver: Deliver, patience: float) -> None:
        assert self._transport is not None
        now = self._loop.time()
        self._sent.append(_Request(size, deliver, self._stall + patience, now))
        self.outstanding += size
        if len(chunks) == 1:
            self._transport.write(chunks[0])
        else:
            self._transport.writelines(chunks)
        if self._watch is None:
            self._watch = self._loop.call_at(now + self._stall + patience, self._check_progress, 0.0)

    def _check_progress(self, suspected_since: float) -> None:
        """One timer a connection: is the oldest request overdue, and nothing coming in or going out?"""
        self._watch = None
        if not self._sent or self._transport is None:
            return
        now = self._loop.time()
        unwritten, self._unwritten = self._unwritten, self._transport.get_write_buffer_size()
        if self._unwritten < unwritten:
            self._progress = now
        oldest = self._sent[0]
        due = max(oldest.sent, self._progress) + oldest.patience
        if now < due:
            self._watch = self._loop.call_at(due, self._check_progress, 0.0)
        elif due != suspected_since:
            # This process may have been the one that stood still: what has arrived meanwhile is read first.
            self._watch = self._loop.call_later(_GRACE, self._check_progress, due)
        else:
            message = (
                f"Expected a reply from {self._name} within {oldest.patience:g} s, got none for "
                f"{len(self._sent)} requests; the server is stopped, overloaded or waits for its disk"
            )
            self.abort(StalledServerError(message))

    def _malformed(self, found: str) -> None:
        message = f"Expected replies of a Redis server from {self._name}, got {found}"
        self.abort(MalformedReplyError(message))


_MISSING: Final = object()


def _settle(future: asyncio.Future[Any]) -> Deliver:
    def deliver(reply: Any) -> None:
        if future.done():
            return
        if isinstance(reply, BusError):
            future.set_exception(reply)
        else:
            future.set_result(reply)

    return deliver
