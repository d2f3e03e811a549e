"""The order log of a live engine: what it took, in which order, noted before it says what came of it.

A live engine handles its inputs as they arrive, so what it concludes depends on their order. A note is there
before the outputs it led to, on the same connection; so a restored engine that takes its inputs by its notes
reaches the state it had when it said its last word. A source notes its inputs themselves: its feed cannot be
read again.

Notes are lists that are numbered: a checkpoint begins the next one and says which it covers.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from bus import frames
from bus.records import FEED_KINDS, Records
from bus.topics import Bus
from bus.transport import Courier, EntryId
from shared.runtime import Runtime


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an engine took before it handled anything more."""

    taken: tuple[tuple[Bus, EntryId], ...] = ()
    """Buses in the order in which they were read, each with the last entry that was taken."""
    feed: dict[str, bytes] | None = None
    """A slice of a source's feed, as a frame."""

    @classmethod
    def of_feed(cls, records: Records) -> Note:
        """A slice of a feed that cannot be read again."""
        fields = frames.encode(records, epoch=1, watermark=0, ts_publish=0)
        return cls(feed={name: bytes(data) for name, data in fields.items()})


_PAGE: Final = 1_000
_AHEAD: Final = 16
"""Lists that may have been begun after the last checkpoint that was kept."""


class OrderLog:
    """Notes of one engine since its last checkpoint."""

    def __init__(self, engine: str, courier: Courier) -> None:
        self._engine = engine
        self._courier = courier
        self._number = 1
        self._lists: dict[int, list[bytes]] = {1: []}

    def note(self, note: Note) -> asyncio.Future[None]:
        """Note something; what is submitted afterwards comes after it."""
        data = msgspec.msgpack.encode(note)
        self._lists[self._number].append(data)
        return self._courier.note(self._key(self._number), data)

    def turn_over(self) -> int:
        """Begin the next list; returns the one that a checkpoint taken now covers."""
        covered = self._number
        self._number += 1
        self._lists[self._number] = []
        return covered

    async def forget(self, covered: int) -> None:
        """Drop what a checkpoint that was kept covers."""
        for number in [number for number in self._lists if number <= covered]:
            await self._courier.delete(self._key(number))
            del self._lists[number]

    async def read(self, covered: int) -> list[bytes]:
        """What was noted since a checkpoint; further notes come after it."""
        numbers = range(covered + 1, covered + 1 + _AHEAD)
        self._lists = {number: await self._courier.notes(self._key(number)) for number in numbers}
        used = [number for number, notes in self._lists.items() if notes]
        self._number = max(used, default=covered + 1)
        found = [note for notes in self._lists.values() for note in notes]
        self._lists = {number: notes for number, notes in self._lists.items() if number <= self._number}
        return found

    async def recover(self) -> None:
        """Note again what a restarted server has lost."""
        for number, notes in self._lists.items():
            held = len(await self._courier.notes(self._key(number)))
            for data in notes[held:]:
                await self._courier.note(self._key(number), data)

    def _key(self, number: int) -> str:
        return f"order/{self._engine}/{number}"


async def take_again(data: bytes, courier: Courier, runtime: Runtime) -> None:
    """Give a runtime the inputs of one note, as far as they are still there, and have it handle them."""
    note = msgspec.msgpack.decode(data, type=Note)
    positions = runtime.inputs.positions
    for bus, through in note.taken:
        while positions[bus] < through:
            entries = await courier.read(bus, positions[bus], _PAGE)
            wanted = [entry for entry in entries if entry.id <= through]
            for entry in wanted:
                runtime.receive(bus, entry)
            if len(wanted) < len(entries) or not entries:
                positions[bus] = max(through, positions[bus])
    if note.feed is not None:
        runtime.feed(frames.decode(note.feed, "order log", FEED_KINDS)[1])
    runtime.step()
