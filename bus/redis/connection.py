"""One connection to a server: requests are pipelined, replies come in their order.

The hot path of both buses. A request is a list of byte pieces and a callable that gets its reply, at once
and on the event loop; there is no task, queue or lock between a socket and the one who waits. Bytes are
received into one buffer that is used again and again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast

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
_LOOKS: Final = 8
_GRACE: Final = 0.1

Deliver = Callable[[Any], None]
"""Who gets a reply: the reply, `hiredis.ReplyError` among them, or the `BusError` that took its place."""


Settle = Callable[[asyncio.Future[Any], Any], None]
"""Gives a future the outcome that a reply, or the error that took its place, means."""

_Request: TypeAlias = tuple[int, Deliver, float]
"""Size, who gets the reply, and how long beyond a stall that may take; a plain tuple is the fastest."""


class _Unsent(NamedTuple):
    chunks: Chunks
    size: int
    deliver: Deliver
    patience: float


class _Look(NamedTuple):
    """What the watch saw when it last saw something move."""

    oldest: _Request | None
    received: int
    time: float


class Connection(asyncio.BufferedProtocol):
    """Pipelined requests over one socket, first in, first out."""

    def __init__(self, name: str, stall: float, max_outstanding: int = MAX_OUTSTANDING_BYTES) -> None:
        self._name = name
        self._stall = stall
        self._limit = max_outstanding
        self._ceiling = _SHUT
        """Bytes that may be outstanding now: the limit, or `_SHUT` where requests wait or find no server."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._reader = hiredis.Reader(notEnoughData=_MISSING)
        self._reader.setmaxbuf(_KEPT_BYTES)
        self._sent: deque[_Request] = deque()
        self._unsent: deque[_Unsent] = deque()
        self._nobody: _Request = (0, self._unasked, 0.0)
        self._unwritten = 0
        self._watch: asyncio.TimerHandle | None = None
        self._look = _Look(None, 0, 0.0)
        self._suspected = False
        self._error: BusError | None = None
        self.outstanding = 0
        """Bytes sent and not yet answered."""
        self.received = 0
        """Bytes received so far."""
        self.alive = False
        """Whether requests can be made."""

    def send(self, chunks: Chunks, size: int, deliver: Deliver, patience: float = 0.0) -> None:
        """Make a request; views in ``chunks`` must not change until its reply is delivered.

        Args:
            chunks: bytes of the command.
            size: how many they are.
            deliver: gets the reply, from the event loop; it must not raise.
            patience: seconds this reply may take beyond the time after which a server is given up.
        """
        outstanding = self.outstanding + size
        if outstanding > self._ceiling:
            self._hold(chunks, size, deliver, patience)
            return
        # Written first: replies and losses are delivered from the event loop alone, so the books can be kept
        # while the server works already.
        self._transport.writelines(chunks)
        self._sent.append((size, deliver, patience))
        self.outstanding = outstanding

    def submit(self, chunks: Chunks, size: int, settle: Settle) -> asyncio.Future[Any]:
        """Make a request whose reply settles a future: as `send`, with all that can wait after writing."""
        outstanding = self.outstanding + size
        if outstanding > self._ceiling:
            outcome = self._loop.create_future()
            self._hold(chunks, size, partial(settle, outcome), 0.0)
            return outcome
        self._transport.writelines(chunks)
        outcome = self._loop.create_future()
        self._sent.append((size, partial(settle, outcome), 0.0))
        self.outstanding = outstanding
        return outcome

    async def ask(self, chunks: Chunks, size: int) -> Any:
        """Make a request and wait for its reply.

        Raises:
            ConnectionLostError: it will not come.
        """
        return await self.submit(chunks, size, _settle)

    def abort(self, error: BusError) -> None:
        """Give the connection up; every waiting request gets the error."""
        was_alive, self.alive = self.alive, False
        self._ceiling = _SHUT
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if was_alive:
            self._error = error
            self._transport.abort()
        waiting = [deliver for _, deliver, _ in self._sent] + [request.deliver for request in self._unsent]
        self._sent.clear()
        self._unsent.clear()
        self.outstanding = 0
        for deliver in waiting:
            deliver(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.alive, self._ceiling = True, self._limit
        self._watch_on(self._stall / _LOOKS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self.alive:
            reason = exc or "it was closed"
            n_waiting = len(self._sent) + len(self._unsent)
            message = f"Expected {self._name} to stay connected, got {reason} with {n_waiting} requests open"
            self.abort(ConnectionLostError(message))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where received bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes were received."""
        reader = self._reader
        try:
            reader.feed(self._buffer, 0, nbytes)  # type: ignore[arg-type]  # any buffer is taken
            while (reply := reader.gets()) is not _MISSING:
                size, deliver, _ = self._sent.popleft() if self._sent else self._nobody
                self.outstanding -= size
                deliver(reply)
        except hiredis.ProtocolError as error:
            self._malformed(str(error))
            return
        self.received += nbytes
        if nbytes == RECEIVE_BYTES and reader.len() > MAX_REPLY_BYTES:
            self._malformed(f"a reply above {MAX_REPLY_BYTES} bytes")
        if self._unsent:
            self._send_waiting()

    def _hold(self, chunks: Chunks, size: int, deliver: Deliver, patience: float) -> None:
        """A request that cannot be sent at once: no server, or others before it, or the bound."""
        if not self.alive:
            deliver(self._error or ConnectionLostError(f"Expected a connection to {self._name}, found none"))
            return
        self._ceiling = _SHUT
        self._unsent.append(_Unsent(chunks, size, deliver, patience))
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._unsent:
            chunks, size, deliver, patience = self._unsent[0]
            if self.outstanding and self.outstanding + size > self._limit:
                return
            self._unsent.popleft()
            self._transport.writelines(chunks)
            self._sent.append((size, deliver, patience))
            self.outstanding += size
        if self.alive:
            self._ceiling = self._limit

    def _watch_on(self, seconds: float) -> None:
        self._watch = self._loop.call_later(seconds, self._check_progress)

    def _check_progress(self) -> None:
        """The watch of a connection: is the oldest request overdue, and nothing coming in or going out?

        It looks several times in the time of a stall, so that no request costs a timer or reads a clock.
        """
        if not self.alive:
            return
        before, now = self._look, self._loop.time()
        oldest = self._sent[0] if self._sent else None
        unwritten, self._unwritten = self._unwritten, self._transport.get_write_buffer_size()
        if oldest is not before.oldest or self.received != before.received or self._unwritten < unwritten:
            self._look, self._suspected = _Look(oldest, self.received, now), False
        elif oldest is not None and now >= before.time + self._stall + oldest[2]:
            if self._suspected:
                self._stalled(self._stall + oldest[2])
                return
            # This process may have been the one that stood still: what has arrived meanwhile is read first.
            self._suspected = True
            self._watch_on(_GRACE)
            return
        self._watch_on(self._stall / _LOOKS)

    def _stalled(self, seconds: float) -> None:
        message = (
            f"Expected a reply from {self._name} within {seconds:g} s, got none for "
            f"{len(self._sent)} requests; the server is stopped, overloaded or waits for its disk"
        )
        self.abort(StalledServerError(message))

    def _unasked(self, reply: Any) -> None:
        self._malformed(f"{reply!r:.100} that nobody asked for")

    def _malformed(self, found: str) -> None:
        message = f"Expected replies of a Redis server from {self._name}, got {found}"
        self.abort(MalformedReplyError(message))


_SHUT: Final = -1
_MISSING: Final = object()


def _settle(outcome: asyncio.Future[Any], reply: Any) -> None:
    if outcome.done():
        return
    if isinstance(reply, BusError):
        outcome.set_exception(reply)
    else:
        outcome.set_result(reply)
