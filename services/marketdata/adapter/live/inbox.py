"""Where sockets leave records and a reader takes them, in two threads.

It is bounded: when the reader lags, sockets are not read on until there is room. What the venue makes of that
is its own affair, and a disconnect that comes of it is told.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from bus.records import Records
from services.marketdata.adapter.live.writer import Writer

_NOTHING = Records({})


class Inbox:
    """Records between the loop's thread, which writes under `lock`, and the reader's."""

    def __init__(self, writer: Writer, bound: int) -> None:
        self.writer = writer
        self.lock = threading.Condition()
        """Held by whoever touches the writer."""
        self._bound = bound
        self._rest = _NOTHING
        self._failure: Exception | None = None
        self._is_closed = False
        self._room = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell this loop when there is room."""
        self._loop = loop

    @property
    def is_full(self) -> bool:
        """Whether sockets have to wait."""
        return self.n_waiting >= self._bound

    @property
    def n_waiting(self) -> int:
        """Records that were left and not taken."""
        return len(self.writer) + len(self._rest)

    @property
    def position(self) -> int:
        """Number of the last record that was read."""
        return self.writer.taken - len(self._rest)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more comes."""
        return self._is_closed

    @property
    def is_ended(self) -> bool:
        """Whether everything was read and nothing comes any more."""
        with self.lock:
            return self._is_closed and self._failure is None and not len(self._rest) and not len(self.writer)

    async def room(self) -> None:
        """Wait until the reader has made room."""
        while self.is_full and not self._is_closed:
            self._room.clear()
            if self.is_full:
                await self._room.wait()

    def fail(self, error: Exception) -> None:
        """Nothing more comes, because of this."""
        with self.lock:
            self._failure = self._failure or error
            self.lock.notify_all()

    def close(self) -> None:
        """Nothing more comes."""
        with self.lock:
            self._is_closed = True
            self.lock.notify_all()
        self._make_room()

    def take(self, limit: int, wait_seconds: float) -> Records:
        """At most ``limit`` records; none if nothing came in the time given.

        Raises:
            Exception: what `fail` was told, when everything before it was taken.
        """
        with self.lock:
            if not len(self._rest):
                self.lock.wait_for(self._has_news, wait_seconds)
                if len(self.writer):
                    self._rest = self.writer.take()
                elif self._failure is not None:
                    raise self._failure
                else:
                    return _NOTHING
            if len(self._rest) > limit:
                end = self._rest.first_sequence + limit
                taken, self._rest = self._rest.split_at_sequence(end)
            else:
                taken, self._rest = self._rest, _NOTHING
        self._make_room()
        return taken

    def _has_news(self) -> bool:
        return len(self.writer) > 0 or self._failure is not None or self._is_closed

    def _make_room(self) -> None:
        if self._loop is not None and (self._is_closed or not self.is_full):
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._room.set)
