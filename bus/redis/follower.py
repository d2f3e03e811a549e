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
            self._entry_bytes = 64 + max(
                sum(map(len, entry.fields.values())) for entry in (entries[0], entries[-1])
            )

    def distrust(self) -> None:
        """After a lost reply, which may have been too large: one entry at first."""
        self._entry_bytes = REPLY_BYTES


class Follower:
    """The blocking reader of one stream, on a connection of its own."""

    def __init__(self, link: Link, stream: str, patience: Patience, wake: Callable[[], None]) -> None:
        self._link = link
        self._stream = stream
        self._patience = patience
        self._wake = wake
        self._pace = Pace()
        self._after: EntryId | None = None
        """Place the request that is out reads from."""
        self._found: list[Entry] = []
        self._error: BusError | None = None
        self._connection: Connection
        self._limit: int
        self._connecting: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is something to take."""
        return bool(self._found) or self._error is not None

    def follow(self, after: EntryId, limit: int) -> None:
        """See that the entries above ``after`` are asked for; what was found from elsewhere is forgotten."""
        if self._after == after:
            return
        if self._after is not None:
            if not self.ready:
                self._link.drop("the reader has moved")
            self.stop()
        self._after = after
        if (connection := self._link.connection) is not None:
            self._request(connection, limit)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(limit))

    def take(self) -> list[Entry]:
        """What was found; the next place must be followed then.

        Raises:
            BusError: the server was lost or refuses.
        """
        error, self._error = self._error, None
        found, self._found = self._found, []
        if error is not None or found:
            self._after = None
            self._pace.learn(found)
        if error is not None:
            raise error
        return found

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._after, self._found, self._error = None, [], None

    async def _connect(self, limit: int) -> None:
        try:
            self._request(await self._link.ready(), limit)
        except BusError as error:
            self._fail(error)

    def _request(self, connection: Connection, limit: int) -> None:
        if self._after is None:
            return
        self._connection, self._limit = connection, limit
        request = commands.read(self._stream, self._after, self._pace.count(limit), self._patience.block)
        connection.send([request], len(request), self._deliver, self._patience.block)

    def _deliver(self, reply: Any) -> None:
        """Everything between the socket and the waiting reader: as short as can be."""
        if self._after is None:
            return
        if reply is None:
            self._request(self._connection, self._limit)
        elif isinstance(reply, BusError):
            self._fail(reply)
        elif isinstance(reply, hiredis.ReplyError):
            self._fail(refusal(str(reply), "XREAD", self._link.address))
        else:
            try:
                self._found = commands.entries(reply)
            except (TypeError, ValueError, AttributeError):
                message = f"Expected entries of {self._stream} from {self._link.address}, got {reply!r:.100}"
                self._fail(MalformedReplyError(message))
            else:
                self._wake()

    def _fail(self, error: BusError) -> None:
        if isinstance(error, ConnectionLostError):
            self._pace.distrust()
        self._error = error
        self._wake()
