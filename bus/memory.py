"""The transport of a fleet in one process: the same contract, in memory, with the whole of it as one blob."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from bus.errors import CheckpointError, DuplicateEntryError, StreamFullError
from bus.frames import Fields
from bus.topics import Bus
from bus.transport import BEGINNING, Entry, EntryId

DEFAULT_BOUND: Final = 1_000_000
"""Entries a stream may hold before publication is refused."""


class _Stream:
    """Entries in order, their ids beside them for bisection."""

    def __init__(self) -> None:
        self.ids: list[EntryId] = []
        self.entries: list[Entry] = []
        self.last_id = BEGINNING
        self.issued = 0
        """Highest id given by the server itself; like Redis' clock it never goes back."""


class _Image(msgspec.Struct, frozen=True, kw_only=True):
    """Plain content of a transport, as saved."""

    streams: dict[str, list[tuple[EntryId, dict[str, bytes]]]]
    last_ids: dict[str, EntryId]
    blobs: dict[str, bytes]


class MemoryTransport:
    """Both streams and the blob store in this process."""

    def __init__(self, bound: int | Mapping[Bus, int] = DEFAULT_BOUND) -> None:
        self._streams = {bus: _Stream() for bus in Bus}
        self._blobs: dict[str, bytes] = {}
        self.bounds = dict.fromkeys(Bus, bound) if isinstance(bound, int) else dict(bound)
        """Entries each stream may hold."""
        self._runs = dict.fromkeys(Bus, 1)
        self._waking = False
        self._notes: dict[str, list[bytes]] = {}
        self.listeners: list[Callable[[], None]] = []
        """Called in the next turn of the event loop after something was appended."""

    async def publish(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        """Append an entry."""
        return self.append(bus, fields, entry_id)

    def append(self, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        """Append an entry."""
        stream = self._streams[bus]
        if entry_id is None:
            stream.issued = max(stream.issued, stream.last_id.minor) + 1
            entry_id = EntryId(stream.last_id.major, stream.issued)
        if entry_id <= stream.last_id:
            message = f"Expected an id above {stream.last_id} on {bus}, got {entry_id}"
            raise DuplicateEntryError(message)
        if len(stream.ids) >= self.bounds[bus]:
            found = f"found {self.bounds[bus]} unreleased entries; trim or raise the bound"
            message = f"Expected room on {bus}, {found}"
            raise StreamFullError(message)
        stream.ids.append(entry_id)
        stream.entries.append(Entry(entry_id, fields))
        stream.last_id = entry_id
        if self.listeners and not self._waking:
            self._waking = True
            asyncio.get_running_loop().call_soon(self._wake)
        return entry_id

    async def read(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """At most ``limit`` entries above an id."""
        return self.above(bus, after, limit)

    def above(self, bus: Bus, after: EntryId, limit: int) -> list[Entry]:
        """At most ``limit`` entries above an id."""
        stream = self._streams[bus]
        start = bisect_right(stream.ids, after)
        return stream.entries[start : start + limit]

    async def last_id(self, bus: Bus) -> EntryId:
        """Id of the last entry ever appended."""
        return self._streams[bus].last_id

    async def trim(self, bus: Bus, through: EntryId) -> int:
        """Drop entries at or below an id."""
        stream = self._streams[bus]
        count = bisect_right(stream.ids, through)
        del stream.ids[:count]
        del stream.entries[:count]
        return count

    async def run_id(self, bus: Bus) -> str:
        """Number of the stream's restarts, as text."""
        return str(self._runs[bus])

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob."""
        self._blobs[key] = bytes(data)

    async def load(self, key: str) -> bytes | None:
        """A blob, None if there is none."""
        return self._blobs.get(key)

    async def delete(self, key: str) -> None:
        """Forget a blob."""
        self._blobs.pop(key, None)
        self._notes.pop(key, None)

    async def keys(self, prefix: str) -> list[str]:
        """Keys that start with a prefix."""
        return sorted(key for key in self._blobs if key.startswith(prefix))

    def length(self, bus: Bus) -> int:
        """Entries that a stream holds."""
        return len(self._streams[bus].ids)

    def add_note(self, key: str, data: bytes) -> None:
        """Add to a list."""
        self._notes.setdefault(key, []).append(data)

    def notes(self, key: str) -> list[bytes]:
        """A list, oldest first."""
        return list(self._notes.get(key, []))

    def _wake(self) -> None:
        self._waking = False
        for listener in list(self.listeners):
            listener()

    def restart(self, bus: Bus, *, lost: int) -> None:
        """Behave as a server that came back without its last ``lost`` entries."""
        stream = self._streams[bus]
        keep = max(len(stream.ids) - lost, 0)
        stream.last_id = stream.ids[keep - 1] if keep else BEGINNING
        del stream.ids[keep:]
        del stream.entries[keep:]
        self._runs[bus] += 1

    def image(self) -> bytes:
        """Everything held, as one blob."""
        streams = {
            bus.value: [
                (entry.id, {name: bytes(data) for name, data in entry.fields.items()})
                for entry in stream.entries
            ]
            for bus, stream in self._streams.items()
        }
        last_ids = {bus.value: stream.last_id for bus, stream in self._streams.items()}
        return msgspec.msgpack.encode(_Image(streams=streams, last_ids=last_ids, blobs=self._blobs))

    @classmethod
    def from_image(cls, data: bytes) -> MemoryTransport:
        """A transport that goes on from an image.

        Raises:
            CheckpointError: the bytes are not an image.
        """
        try:
            image = msgspec.msgpack.decode(data, type=_Image)
        except msgspec.MsgspecError as error:
            message = f"Expected an image of a memory transport, got {error}"
            raise CheckpointError(message) from error
        transport = cls()
        transport._blobs = dict(image.blobs)
        for bus, stream in transport._streams.items():
            stream.entries = [Entry(entry_id, fields) for entry_id, fields in image.streams[bus.value]]
            stream.ids = [entry.id for entry in stream.entries]
            stream.last_id = image.last_ids[bus.value]
        return transport
