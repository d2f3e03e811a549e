"""A courier with nobody behind it: delivers what it is handed, and keeps what it is given, with the time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any, NamedTuple

from bus.frames import Fields
from bus.memory import MemoryTransport
from bus.memory_courier import LIMIT, MemoryCourier
from bus.topics import Bus
from bus.transport import Entry, EntryId


class Said(NamedTuple):
    """An event that was submitted, and when, by the performance counter."""

    event: bytes
    at: int


class Mailbox(MemoryCourier):
    """Stands between one service and whoever measures it; what is rare goes to a transport in memory."""

    def __init__(self) -> None:
        super().__init__(MemoryTransport())
        self._said: list[Said] = []
        self._waiting: dict[Bus, list[Entry]] = {}
        self._unanswered: list[asyncio.Future[Any]] = []
        self._loop = asyncio.get_running_loop()

    def hand(self, bus: Bus, entries: list[Entry]) -> None:
        """Let entries of a bus be what has arrived."""
        self._waiting = {bus: entries}

    def take(self) -> list[Said]:
        """What was submitted since the last call; whoever waits for its answer has it in the next turn."""
        for outcome in self._unanswered:
            outcome.set_result(None)
        self._unanswered.clear()
        said, self._said = self._said, []
        return said

    def arrived(self, positions: Mapping[Bus, EntryId], limit: int = LIMIT) -> dict[Bus, list[Entry]]:
        """What was handed over since the last call."""
        found, self._waiting = self._waiting, {}
        return found

    def submit(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> asyncio.Future[EntryId]:
        """Keep an event."""
        self._said.append(Said(bytes(fields["e"]), perf_counter_ns()))
        return self._later()

    def note(self, key: str, data: bytes) -> asyncio.Future[None]:
        """Forget a note."""
        return self._later()

    def _later(self) -> asyncio.Future[Any]:
        outcome: asyncio.Future[Any] = self._loop.create_future()
        self._unanswered.append(outcome)
        return outcome
