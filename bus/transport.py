"""What every transport of the two buses must do; `tests.bus.transport_contract` is its test.

A stream is a list of entries with ascending ids. MarketData's ids are explicit, ``epoch-lastsequence``, so
the server itself refuses a second publication; Engine Logic has many writers and the server gives the ids.
Beside the streams a transport keeps named blobs, written atomically: checkpoints, dead letters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from bus.frames import Fields
from bus.topics import Bus


class EntryId(NamedTuple):
    """Place of an entry in its stream.

    >>> str(EntryId(1, 500)), EntryId.parse("1-500") == EntryId(1, 500)
    ('1-500', True)
    """

    major: int
    minor: int

    def __str__(self) -> str:
        """Redis' notation."""
        return f"{self.major}-{self.minor}"

    @classmethod
    def parse(cls, text: str) -> EntryId:
        """Read Redis' notation."""
        major, _, minor = text.partition("-")
        return cls(int(major), int(minor))


BEGINNING = EntryId(0, 0)
"""Before the first entry of any stream."""


class Entry(NamedTuple):
    """One entry of a stream."""

    id: EntryId
    fields: Fields


class Transport(Protocol):
    """Two streams and a store of named blobs."""

    async def publish(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        """Append an entry; returns once the server has acknowledged it.

        Raises:
            DuplicateEntryError: ``entry_id`` is not above the stream's last id.
            StreamFullError: the stream is at its bound; its slowest reader must move first.
        """

    async def read(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """At most ``limit`` entries above an id, in order."""

    async def last_id(self, bus: Bus) -> EntryId:
        """Id of the last entry ever appended; `BEGINNING` for a new or emptied stream."""

    async def trim(self, bus: Bus, through: EntryId) -> int:
        """Drop entries at or below an id; returns how many."""

    async def run_id(self, bus: Bus) -> str:
        """Identity of the server's run; another one means it was restarted and may have lost its tail."""

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob under a key, replacing the former one atomically."""

    async def load(self, key: str) -> bytes | None:
        """The blob kept under a key, None if there is none."""

    async def delete(self, key: str) -> None:
        """Forget a blob; a key that is not there is fine."""

    async def keys(self, prefix: str) -> list[str]:
        """Keys that start with a prefix, sorted."""


class Courier(Transport, Protocol):
    """A transport that also serves an event loop without a task between the socket and the engine."""

    on_arrival: Callable[[], None] | None
    """Called from the event loop when `arrived` has something to tell; it must not raise."""

    def submit(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> asyncio.Future[EntryId]:
        """Append an entry, handed over at once; the future has what `publish` returns or raises."""

    def note(self, key: str, data: bytes) -> asyncio.Future[None]:
        """Add to a list on Engine Logic, at once: it is there before whatever is submitted next."""

    async def notes(self, key: str) -> list[bytes]:
        """The list kept under a key, oldest first; `delete` forgets it."""

    def arrived(self, positions: Mapping[Bus, EntryId], limit: int = 1024) -> dict[Bus, list[Entry]]:
        """Entries above the given places that have come by now; asks for what comes next."""

    async def close(self) -> None:
        """Release connections."""
