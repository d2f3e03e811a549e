"""Streams in memory for tests of the process, a courier that loses them, and how to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from bus.errors import BusError
from bus.memory import MemoryTransport
from bus.memory_courier import MemoryCourier
from bus.topics import Bus
from bus.transport import Entry, EntryId
from tests.knotmeter.recorder.traffic import Traffic

DEADLINE = 30.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.002)


class Streams(MemoryTransport):
    """Streams in memory that keep the ids of what is put in."""

    def put(self, sent: Traffic) -> None:
        """Append entries; one that the stream has had is left out, as a server does."""
        for bus, entries in sent.items():
            for one in entries:
                if one.id > self._streams[bus].last_id:
                    self.append(bus, one.fields, one.id)

    def n_entries(self, bus: Bus) -> int:
        """Entries that were not trimmed."""
        return len(self._streams[bus].entries)


class Shaky(MemoryCourier):
    """A courier whose connection is lost now and then, and for good if told so."""

    def __init__(self, transport: MemoryTransport) -> None:
        super().__init__(transport)
        self.errors: list[BusError] = []
        self.n_asked = 0

    def arrived(self, positions: Mapping[Bus, EntryId], limit: int = 1_024) -> dict[Bus, list[Entry]]:
        """Entries, or an error that waits."""
        if self.errors and Bus.ENGINE_LOGIC in positions:
            raise self.errors.pop(0)
        return super().arrived(positions, 3)

    async def run_id(self, bus: Bus) -> str:
        """Who the server is, or an error that waits."""
        self.n_asked += 1
        if self.errors and bus is Bus.ENGINE_LOGIC:
            raise self.errors.pop(0)
        return await super().run_id(bus)
