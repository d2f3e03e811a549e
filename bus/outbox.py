"""The outbox: what a producer said and could still have to say again.

A server that was killed may come back without its newest entries although it had acknowledged them
(append-only everysec). Every producer therefore keeps what it published since its last checkpoint, and at
least the last three seconds; when the server's run id changes it looks at what the stream still holds and
publishes the rest again under the same identities.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from bus.codec import decode_envelope
from bus.errors import DecodeError
from bus.frames import Fields
from bus.topics import Bus
from bus.transport import BEGINNING, Entry, EntryId, Transport

MINIMUM_AGE: Final = 3_000_000_000
"""Entries younger than this are kept through a checkpoint, unless the outbox was told another age; ns."""

_PAGE: Final = 1_000


class Publication(NamedTuple):
    """One entry on its way out."""

    bus: Bus
    fields: Fields
    epoch: int
    sequence: int
    """Last sequence the entry carries; 0 for operational messages, which are not kept."""

    @property
    def entry_id(self) -> EntryId | None:
        """Explicit id on MarketData; the server's choice on Engine Logic."""
        return EntryId(self.epoch, self.sequence) if self.bus is Bus.MARKET_DATA else None


class Outbox:
    """Publications of one producer that a server may yet lose."""

    def __init__(self, source: str, minimum_age: int = MINIMUM_AGE) -> None:
        self._source = source
        self._minimum_age = minimum_age
        self._kept: deque[tuple[int, Publication]] = deque()
        self.run_ids: dict[str, str] = {}
        """Run of each server when it was looked at last."""

    def __len__(self) -> int:
        """Publications kept."""
        return len(self._kept)

    def kept(self) -> list[Publication]:
        """Publications kept, oldest first."""
        return [publication for _, publication in self._kept]

    def add(self, publication: Publication, now: int) -> None:
        """Keep a publication the server has acknowledged at ``now``, ns."""
        if publication.sequence:
            self._kept.append((now, publication))

    def release(self, through: int, now: int) -> None:
        """After a checkpoint that covers sequences up to ``through``: forget those that are old enough."""
        while self._kept:
            added, publication = self._kept[0]
            if publication.sequence > through or now - added < self._minimum_age:
                break
            self._kept.popleft()

    def distrust(self, bus: Bus) -> None:
        """Have the next `recover` look at a bus even if its server is the same: something went astray."""
        self.run_ids[bus] = ""

    async def recover(self, transport: Transport) -> int | None:
        """If a server was restarted, publish again what it lost.

        Returns:
            How many entries that were; None if no server was restarted.
        """
        count: int | None = None
        for bus in Bus:
            run_id = await transport.run_id(bus)
            if self.run_ids.setdefault(bus, run_id) != run_id:
                count = (count or 0) + await self._publish_missing(transport, bus)
                self.run_ids[bus] = run_id
        return count

    async def _publish_missing(self, transport: Transport, bus: Bus) -> int:
        mine = [publication for _, publication in self._kept if publication.bus is bus]
        if bus is Bus.MARKET_DATA:
            last = await transport.last_id(bus)
            missing = [
                publication for publication in mine if EntryId(publication.epoch, publication.sequence) > last
            ]
        else:
            held = await self._identities(transport)
            missing = [
                publication for publication in mine if (publication.epoch, publication.sequence) not in held
            ]
        for publication in missing:
            await transport.publish(bus, publication.fields, publication.entry_id)
        return len(missing)

    async def _identities(self, transport: Transport) -> set[tuple[int, int]]:
        """(epoch, sequence) of this source's events that Engine Logic still holds."""
        held: set[tuple[int, int]] = set()
        after = BEGINNING
        while entries := await transport.read(Bus.ENGINE_LOGIC, after, _PAGE):
            after = entries[-1].id
            held.update(identity for entry in entries if (identity := self._identity(entry)))
        return held

    def _identity(self, entry: Entry) -> tuple[int, int] | None:
        try:
            event = decode_envelope(entry.fields.get("e", b""), f"logic {entry.id}")
        except DecodeError:
            return None
        return (event.epoch, event.sequence) if event.source == self._source else None
