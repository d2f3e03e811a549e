"""One engine's way to a transport in memory that it shares with the others of its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from bus.errors import BusError
from bus.frames import Fields
from bus.memory import MemoryTransport
from bus.topics import Bus
from bus.transport import Entry, EntryId

LIMIT: Final = 1_024


class MemoryCourier:
    """A `bus.transport.Courier` over a `MemoryTransport`.

    Readers are woken in the next turn of the event loop, so that nobody handles an entry inside the call
    that published it.
    """

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport
        self.on_arrival: Callable[[], None] | None = None
        transport.listeners.append(self._wake)

    async def publish(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        """Append an entry."""
        await asyncio.sleep(0)  # a server would take a turn as well; readers must get theirs
        return await self._transport.publish(bus, fields, entry_id)

    def submit(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> asyncio.Future[EntryId]:
        """Append an entry at once."""
        outcome: asyncio.Future[EntryId] = asyncio.get_running_loop().create_future()
        try:
            outcome.set_result(self._transport.append(bus, fields, entry_id))
        except BusError as error:
            outcome.set_exception(error)
        return outcome

    def note(self, key: str, data: bytes) -> asyncio.Future[None]:
        """Add to a list at once."""
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.add_note(key, data)
        outcome.set_result(None)
        return outcome

    async def notes(self, key: str) -> list[bytes]:
        """The list kept under a key, oldest first."""
        return self._transport.notes(key)

    def arrived(self, positions: Mapping[Bus, EntryId], limit: int = LIMIT) -> dict[Bus, list[Entry]]:
        """Entries above the given places."""
        found = {bus: self._transport.above(bus, after, limit) for bus, after in positions.items()}
        return {bus: entries for bus, entries in found.items() if entries}

    async def read(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """At most ``limit`` entries above an id."""
        return await self._transport.read(bus, after, limit)

    async def last_id(self, bus: Bus) -> EntryId:
        """Id of the last entry ever appended."""
        return await self._transport.last_id(bus)

    async def trim(self, bus: Bus, through: EntryId) -> int:
        """Drop entries at or below an id."""
        return await self._transport.trim(bus, through)

    async def run_id(self, bus: Bus) -> str:
        """Number of the stream's restarts."""
        return await self._transport.run_id(bus)

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob."""
        await self._transport.save(key, data)

    async def load(self, key: str) -> bytes | None:
        """A blob, None if there is none."""
        return await self._transport.load(key)

    async def delete(self, key: str) -> None:
        """Forget a blob."""
        await self._transport.delete(key)

    async def keys(self, prefix: str) -> list[str]:
        """Keys that start with a prefix."""
        return await self._transport.keys(prefix)

    async def close(self) -> None:
        """Hear nothing any more."""
        self.on_arrival = None
        if self._wake in self._transport.listeners:
            self._transport.listeners.remove(self._wake)

    def _wake(self) -> None:
        if self.on_arrival is not None:
            self.on_arrival()
