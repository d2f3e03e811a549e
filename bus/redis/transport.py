"""The transport of a fleet of processes: one server for each bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import hiredis

from bus.errors import BusError, DuplicateEntryError
from bus.frames import Fields
from bus.redis import commands
from bus.redis.address import Address
from bus.redis.connection import MAX_OUTSTANDING_BYTES, Connection
from bus.redis.desk import Desk
from bus.redis.errors import (
    ConnectionLostError,
    MalformedReplyError,
    RecoveryNeededError,
    ServerUnavailableError,
    refusal,
)
from bus.redis.follower import Follower, Pace
from bus.redis.link import Link
from bus.redis.patience import Patience
from bus.topics import Bus
from bus.transport import Entry, EntryId

DEFAULT_LIMIT: Final = 1024
"""Most entries that `RedisTransport.wait_for_entries` returns for one bus."""


class RedisTransport:
    """Both streams on their servers, blobs on Engine Logic's; it belongs to one engine and one event loop.

    A lost server is looked for again by whatever is asked next. What was on its way when it was lost is not
    sent a second time, since it may have been taken: `ConnectionLostError` says so. From then on, as after a
    restart of the server, nothing new is taken until `run_id` was asked, which tells another one: so
    `bus.outbox` compares what it kept with the stream and publishes what is missing, before a newer entry
    shuts it out. A publication must therefore be in the outbox before it is published.
    """

    def __init__(
        self,
        addresses: Mapping[Bus, Address],
        patience: Patience | None = None,
        max_outstanding: int = MAX_OUTSTANDING_BYTES,
    ) -> None:
        patience = patience or Patience()
        self._patience = patience
        self._links = {bus: Link(addresses[bus], patience, max_outstanding) for bus in Bus}
        self._desks = {bus: Desk(self._links[bus], patience) for bus in Bus}
        self._followed = {bus: Link(addresses[bus], patience) for bus in Bus}
        self._followers = {
            bus: Follower(self._followed[bus], bus.value, patience, self._awake) for bus in Bus
        }
        self._append = {bus: commands.Append(bus.value) for bus in Bus}
        self._paces = {bus: Pace() for bus in Bus}
        self._known_runs: dict[Bus, str] = {}
        self._unanswered = dict.fromkeys(Bus, 0)
        self._cleared: dict[Bus, Connection | None] = dict.fromkeys(Bus)
        """Connections that publications may be sent over without asking whose run is at the other end."""
        self._settlers = {bus: partial(self._settle, bus) for bus in Bus}
        self._waiting: asyncio.Future[None] | None = None
        self._on_arrival: Callable[[], None] | None = None

    @property
    def on_arrival(self) -> Callable[[], None] | None:
        """Called from the event loop when `arrived` has something to tell; it must not raise."""
        return self._on_arrival

    @on_arrival.setter
    def on_arrival(self, callback: Callable[[], None] | None) -> None:
        self._on_arrival = callback
        self._tell(callback or self._awake)

    async def publish(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        """Append an entry; returns once the server has acknowledged it.

        Publications of one bus reach the server in the order of their calls. Views in ``fields`` must not
        change before this returns.

        Raises:
            DuplicateEntryError: ``entry_id`` is not above the stream's last id.
            StreamFullError: the server is at its bound; the slowest reader must move first.
            EntryTooLargeError: the entry is above the bound of a bus.
            AccessRefusedError: the user may not write this stream.
            RecoveryNeededError: the server was restarted, or left a publication unanswered.
            ConnectionLostError: the entry may or may not have been appended.
            ServerUnavailableError: there is no server; nothing was appended.
        """
        chunks, size = self._append[bus].encode(fields, entry_id)
        reply = await self._send(bus, chunks, size)
        try:
            return self._appended(bus, reply)
        except DuplicateEntryError as error:
            last = await self.last_id(bus)
            message = f"Expected an id above {last} on {bus}, got {entry_id}"
            raise DuplicateEntryError(message) from error

    def submit(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> asyncio.Future[EntryId]:
        """Append an entry without waiting for the connection or a task: the hot path of an engine.

        What `publish` would raise is the error of the future; where there is no connection at this moment,
        nothing was appended, and `ServerUnavailableError` says so.
        """
        try:
            connection = self._cleared[bus]
            if connection is None or not connection.alive:
                connection = self._clear(bus)
            chunks, size = self._append[bus].encode(fields, entry_id)
        except BusError as error:
            outcome: asyncio.Future[EntryId] = asyncio.get_running_loop().create_future()
            outcome.set_exception(error)
            return outcome
        return connection.submit(chunks, size, self._settlers[bus])

    async def read(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """At most ``limit`` entries above an id, at once; fewer where they are large, none at the end.

        Raises:
            ServerUnavailableError: there is no server, or it was lost.
        """
        pace = self._paces[bus]
        request = commands.read(bus.value, after, pace.count(limit))
        try:
            reply = await self._links[bus].ask(request)
        except MalformedReplyError:
            pace.distrust()
            raise
        address = self._links[bus].address
        if isinstance(reply, hiredis.ReplyError):
            raise refusal(str(reply), "XREAD", address)
        try:
            entries = [] if reply is None else commands.entries(reply)
        except (TypeError, ValueError, AttributeError) as error:
            message = f"Expected entries of {bus} from {address}, got {reply!r:.100}"
            raise MalformedReplyError(message) from error
        pace.learn(entries)
        return entries

    async def wait_for_entries(
        self, positions: Mapping[Bus, EntryId], timeout: float, limit: int = DEFAULT_LIMIT
    ) -> dict[Bus, list[Entry]]:
        """Entries above the given places as soon as there are any; empty when there were none in time.

        One blocking read for each bus stays out between calls, so what arrives meanwhile is here at once.
        A lost server is looked for behind the scenes while the other bus goes on.

        Raises:
            BusError: a server was lost or refuses; ask its `run_id` and go on from the same places.
        """
        if found := self.arrived(positions, limit):
            return found
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(timeout, self._awake)
        self._tell(self._awake)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None
            self._tell(self._on_arrival or self._awake)
        return self.arrived(positions, limit)

    def arrived(self, positions: Mapping[Bus, EntryId], limit: int = DEFAULT_LIMIT) -> dict[Bus, list[Entry]]:
        """Entries above the given places that have arrived by now, without waiting; asks for what comes next.

        With `on_arrival` this is the shortest way from socket to engine: no task is woken in between.

        Raises:
            BusError: a server was lost or refuses; ask its `run_id` and go on from the same places.
        """
        found = {}
        followers = self._followers
        for bus, after in positions.items():
            if entries := followers[bus].arrived(after, limit):
                found[bus] = entries
        return found

    async def last_id(self, bus: Bus) -> EntryId:
        """Id of the last entry ever appended, also when it was trimmed."""
        return await self._desks[bus].last_id(bus.value)

    async def trim(self, bus: Bus, through: EntryId) -> int:
        """Drop entries at or below an id; returns how many."""
        return await self._desks[bus].trim(bus.value, through)

    async def run_id(self, bus: Bus) -> str:
        """Identity of the server's run, asked now; it differs too once publications were left unanswered.

        From here on publications are taken again: only who publishes what is missing may ask.
        """
        await self._links[bus].ask_run_id()
        self._known_runs[bus] = self._run(bus)
        return self._known_runs[bus]

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob under a key, replacing the former one atomically."""
        await self._desks[Bus.ENGINE_LOGIC].save(key, data)

    async def load(self, key: str) -> bytes | None:
        """The blob kept under a key, None if there is none."""
        return await self._desks[Bus.ENGINE_LOGIC].load(key)

    async def delete(self, key: str) -> None:
        """Forget a blob; a key that is not there is fine."""
        await self._desks[Bus.ENGINE_LOGIC].delete(key)

    async def keys(self, prefix: str) -> list[str]:
        """Keys that start with a prefix, sorted."""
        return await self._desks[Bus.ENGINE_LOGIC].keys(prefix)

    def note(self, key: str, data: bytes) -> asyncio.Future[None]:
        """Add to a list on Engine Logic, at once: it is there before whatever is submitted next.

        What `publish` would raise is the error of the future.
        """
        bus, outcome = Bus.ENGINE_LOGIC, asyncio.get_running_loop().create_future()

        def settle(reply: Any) -> None:
            if isinstance(reply, ConnectionLostError):
                self._unanswered[bus] += 1
            if outcome.done():
                return
            if isinstance(reply, BusError):
                outcome.set_exception(reply)
            elif isinstance(reply, hiredis.ReplyError):
                outcome.set_exception(refusal(str(reply), "RPUSH", self._links[bus].address))
            else:
                outcome.set_result(None)

        request = commands.command(b"RPUSH", key.encode(), data)
        try:
            self._clear(bus).send([request], len(request), settle)
        except BusError as error:
            outcome.set_exception(error)
        return outcome

    async def notes(self, key: str) -> list[bytes]:
        """The list kept under a key, oldest first."""
        return await self._desks[Bus.ENGINE_LOGIC].notes(key)

    async def close(self) -> None:
        """Close every connection; requests that still wait get an error."""
        for bus in Bus:
            self._followers[bus].stop()
            self._followed[bus].drop("the transport was closed")
            self._links[bus].drop("the transport was closed")
            await self._desks[bus].close()

    async def _send(self, bus: Bus, chunks: commands.Chunks, size: int) -> Any:
        """Send to the run we know, and again while it loads its log: then nothing has been taken."""
        link = self._links[bus]
        for delay in self._patience.delays():
            connection = link.connection or await link.ready()
            self._same_run(bus)
            try:
                reply = await connection.ask(chunks, size)
            except ConnectionLostError:
                self._unanswered[bus] += 1
                raise
            loading = isinstance(reply, hiredis.ReplyError) and str(reply).startswith("LOADING")
            if not loading:
                return reply
            await asyncio.sleep(delay)
        raise AssertionError

    def _appended(self, bus: Bus, reply: Any) -> EntryId:
        """Id that an XADD was given, or the error that its reply means."""
        if isinstance(reply, BusError):
            raise reply
        address = self._links[bus].address
        if isinstance(reply, hiredis.ReplyError):
            raise refusal(str(reply), "XADD", address)
        try:
            return commands.entry_id(reply)
        except (TypeError, ValueError, AttributeError) as error:
            message = f"Expected the id of an entry of {bus} from {address}, got {reply!r:.100}"
            raise MalformedReplyError(message) from error

    def _settle(self, bus: Bus, outcome: asyncio.Future[EntryId], reply: Any) -> None:
        try:
            appended = commands.entry_id(reply)
        except (AttributeError, TypeError, ValueError):
            appended = None  # an error, whose story does not begin here
        if appended is None or outcome.done():
            self._settle_otherwise(bus, outcome, reply)
        else:
            outcome.set_result(appended)

    def _settle_otherwise(self, bus: Bus, outcome: asyncio.Future[EntryId], reply: Any) -> None:
        if isinstance(reply, ConnectionLostError):
            self._unanswered[bus] += 1
        if outcome.done():
            return
        try:
            outcome.set_result(self._appended(bus, reply))
        except BusError as error:
            outcome.set_exception(error)

    def _clear(self, bus: Bus) -> Connection:
        """A connection to the run we know: it stays one as long as it lives.

        Raises:
            RecoveryNeededError: there is another run.
            ServerUnavailableError: there is no connection.
        """
        connection = self._links[bus].connection
        if connection is None:
            message = f"Expected a connection to {self._links[bus].address}, found none; nothing was appended"
            raise ServerUnavailableError(message)
        self._same_run(bus)
        self._cleared[bus] = connection
        return connection

    def _run(self, bus: Bus) -> str:
        unanswered = self._unanswered[bus]
        return f"{self._links[bus].run_id}/{unanswered}" if unanswered else self._links[bus].run_id

    def _same_run(self, bus: Bus) -> None:
        run = self._run(bus)
        known = self._known_runs.setdefault(bus, run)
        if known != run:
            message = (
                f"Expected run {known} of {self._links[bus].address}, found {run}: it was restarted "
                "or left publications unanswered; ask its `run_id` and publish what is missing first"
            )
            raise RecoveryNeededError(message)

    def _tell(self, wake: Callable[[], None]) -> None:
        """Have the followers call this one and nothing in between: that is most of an arrival's way."""
        for follower in self._followers.values():
            follower.wake = wake

    def _awake(self) -> None:
        if self._on_arrival is not None:
            self._on_arrival()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
