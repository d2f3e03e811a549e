"""Reading a stream as it grows: one blocking XREAD is always out, from the place the reader has reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import hiredis

from bus.errors import BusError
from bus.redis import commands
from bus.redis.connection import Connection
from bus.redis.errors import ConnectionLostError, MalformedReplyError, refusal
from bus.redis.link import Link
from bus.redis.patience import Patience
from bus.transport import Entry, EntryId

REPLY_BYTES: Final = 8 * 1024 * 1024
"""About so many bytes are asked for at a time: entries are counted by the size of those before."""

_FIRST_GUESS: Final = 64 * 1024


class Pace:
    """How many entries to ask for, so that a reply stays near `REPLY_BYTES` whatever an entry's size is."""

    def __init__(self) -> None:
        self._entry_bytes = _FIRST_GUESS

    def count(self, limit: int) -> int:
        """Entries to ask for."""
        return max(1, min(limit, REPLY_BYTES // self._entry_bytes))

    def learn(self, entries: list[Entry]) -> None:
        """Look at what came."""
        if entries:
            first, last = entries[0], entries[-1]
            self._entry_bytes = _size(last) if first is last else max(_size(first), _size(last))

    def distrust(self) -> None:
        """After a lost reply, which may have been too large: one entry at first."""
        self._entry_bytes = REPLY_BYTES


def _size(entry: Entry) -> int:
    n_bytes = 64
    for value in entry.fields.values():
        n_bytes += len(value)
    return n_bytes


class Follower:
    """The blocking reader of one stream, on a connection of its own."""

    def __init__(self, link: Link, stream: str, patience: Patience, wake: Callable[[], None]) -> None:
        self._link = link
        self._stream = stream
        self._block = patience.block
        self.wake = wake
        """Called from the event loop when there is something to take."""
        self._pace = Pace()
        self._after: EntryId | None = None
        """Place the request that is out reads from."""
        self._found: list[Entry] = []
        self._error: BusError | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        """The one that the last request went over..."""
        self._start = b""
        """...its bytes but for the place..."""
        self._limit = 0
        """...the limit of entries it was made for..."""
        self._large = 0
        """...the size of replies from which on it would have to be another..."""
        self._received = 0
        """...and what the connection had received by then."""
        self._taken: list[Entry] = []

    def arrived(self, after: EntryId, limit: int) -> list[Entry]:
        """What was found above ``after`` by now, once; asks for what is not known yet.

        Raises:
            BusError: the server was lost or refuses.
        """
        if self._after is not after and self._after != after:  # it mostly is the one that was handed out
            self._follow(after, limit)
        found = self._found
        if found:
            self._found, self._after, self._taken = [], None, found
        elif self._error is not None:
            error, self._error, self._after = self._error, None, None
            raise error
        return found

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._after, self._found, self._error = None, [], None

    def _follow(self, after: EntryId, limit: int) -> None:
        """Ask for the entries above ``after``; what was found from elsewhere is forgotten."""
        if self._after is not None:
            if not self._found and self._error is None:
                self._link.drop("the reader has moved")
            self.stop()
        self._after = after
        connection = self._connection
        if connection is None or not connection.alive:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(limit))
        elif limit != self._limit or connection.received - self._received > self._large:
            self._prepare(connection, limit)
            self._request(connection)
        else:
            self._request(connection)

    async def _connect(self, limit: int) -> None:
        try:
            connection = await self._link.ready()
        except BusError as error:
            self._fail(error)
            return
        self._prepare(connection, limit)
        self._request(connection)

    def _prepare(self, connection: Connection, limit: int) -> None:
        """Choose how many entries are asked for from here on."""
        self._pace.learn(self._taken)
        self._taken = []
        count = self._pace.count(limit)
        self._connection, self._limit = connection, limit
        self._start = commands.read_start(self._stream, count, self._block)
        self._large = REPLY_BYTES // limit if count == limit else 0

    def _request(self, connection: Connection) -> None:
        if self._after is None:
            return
        self._received = connection.received
        place = b"%d-%d" % self._after
        request = b"%b$%d\r\n%b\r\n" % (self._start, len(place), place)
        connection.send([request], len(request), self._deliver, self._block)

    def _deliver(self, reply: Any) -> None:
        """Everything between the socket and the waiting reader: as short as can be."""
        try:
            self._found = commands.entries(reply)
        except (TypeError, ValueError, AttributeError):
            self._take_other(reply)
        else:
            self.wake()

    def _take_other(self, reply: Any) -> None:
        """What is no entries: nothing in time, an error, or another server's words."""
        if self._after is None:
            return
        if reply is None and self._connection is not None:
            self._request(self._connection)
        elif isinstance(reply, BusError):
            self._fail(reply)
        elif isinstance(reply, hiredis.ReplyError):
            self._fail(refusal(str(reply), "XREAD", self._link.address))
        else:
            message = f"Expected entries of {self._stream} from {self._link.address}, got {reply!r:.100}"
            self._fail(MalformedReplyError(message))

    def _fail(self, error: BusError) -> None:
        if isinstance(error, ConnectionLostError):
            self._pace.distrust()
            self._taken = []
        self._error = error
        self.wake()
