"""The feed of live venues: sockets in a thread of their own, and records as they arrive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from bus.records import Records
from services.marketdata.adapter.live.binance import BinanceSession
from services.marketdata.adapter.live.coinbase import CoinbaseSession
from services.marketdata.adapter.live.connection import Connection, first_error
from services.marketdata.adapter.live.inbox import Inbox
from services.marketdata.adapter.live.kraken import KrakenSession
from services.marketdata.adapter.live.session import Session
from services.marketdata.adapter.live.settings import LiveSettings, Venue
from services.marketdata.adapter.live.writer import Writer
from shared.clock import Clock, WallClock
from shared.errors import DataError

SESSIONS: Final[dict[Venue, type[Session]]] = {
    "binance": BinanceSession,
    "binance_futures": BinanceSession,
    "coinbase": CoinbaseSession,
    "kraken": KrakenSession,
}
"""The rules of each venue."""

LARGEST_QUEUE: Final = 262_144
"""Records that wait for the reader before sockets are not read on; a message may exceed it by its own."""

WAIT_SECONDS: Final = 0.25
"""Longest wait of a reader that finds nothing, s."""


def open_session(settings: LiveSettings, writer: Writer) -> Session:
    """The session of one connection; it defines its instruments at once.

    Raises:
        ConstraintError: the venue has no such depth, or a name is too long.
        DataError: an instrument is named twice.
    """
    return SESSIONS[settings.venue](settings, writer)


class LiveFeed:
    """Input records of live venues; ``sequence`` is 1, 2, 3, … over the whole feed, in the order of arrival.

    Nothing is connected before the first `read`. An empty slice means that nothing has arrived yet, unless
    `is_ended`.
    """

    rereadable = False
    progress = 0.0
    n_records: int | None = None

    def __init__(
        self,
        settings: Sequence[LiveSettings],
        clock: Clock | None = None,
        *,
        largest_queue: int = LARGEST_QUEUE,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        if not settings:
            message = "Expected at least one venue to read, found none. Name one, or read files."
            raise DataError(message)
        notes = [note for live in settings for note in SESSIONS[live.venue].notes]
        self.notes = list(dict.fromkeys(notes))
        self._settings = settings
        self._clock = clock or WallClock()
        self._largest_queue = largest_queue
        self._wait_seconds = wait_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._inbox, self._connections = self._prepared(0)

    @property
    def is_ended(self) -> bool:
        """Whether it was closed and everything that had arrived was read."""
        return self._inbox.is_ended

    @property
    def n_waiting(self) -> int:
        """Records that have arrived and were not read."""
        return self._inbox.n_waiting

    def read(self, limit: int) -> Records:
        """What has arrived, at most ``limit``; empty if nothing does within a short time.

        Raises:
            DataError: a venue refused what was asked of it; what came before has been given.
        """
        if self._thread is None and not self._inbox.is_closed:
            self._start()
        return self._inbox.take(limit, self._wait_seconds)

    def seek(self, sequence: int) -> None:
        """Number the records on from this one; what was read before cannot be read again.

        Raises:
            DataError: records were read, and the last of them has another number.
        """
        if self._thread is None:
            self._inbox, self._connections = self._prepared(sequence)
        elif sequence != self._inbox.position:
            found = f"record {self._inbox.position}"
            message = (
                f"Expected a live feed to go on after {found}, got a seek to {sequence}. Open a new feed."
            )
            raise DataError(message)

    def close(self) -> None:
        """Leave the venues; what has arrived can still be read."""
        self._inbox.close()
        if self._thread is None or self._loop is None or self._task is None:
            return
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _prepared(self, sequence: int) -> tuple[Inbox, list[Connection]]:
        writer = Writer()
        writer.begin_after(sequence)
        writer.arrive(self._clock.now())
        inbox = Inbox(writer, self._largest_queue)
        connections = [
            Connection(settings, open_session(settings, writer), inbox, self._clock)
            for settings in self._settings
        ]
        return inbox, connections

    def _start(self) -> None:
        self._loop = loop = asyncio.new_event_loop()
        self._task = task = loop.create_task(self._connect(loop))
        self._thread = threading.Thread(target=_run, args=(loop, task), name="live venues", daemon=True)
        self._thread.start()

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep all connections until the feed is closed or one of them gives up."""
        self._inbox.attend(loop)
        try:
            async with asyncio.TaskGroup() as group:
                for connection in self._connections:
                    group.create_task(connection.run())
        except ExceptionGroup as errors:
            self._inbox.fail(first_error(errors))


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """What the thread does."""
    try:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
