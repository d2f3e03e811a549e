"""The canonical event log: every event of the fleet once, in the order of (time, source, sequence).

Operational messages are left out. The order does not depend on arrival, so two runs of the same inputs give
the same log byte for byte, however they were cut, stopped or restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from bus import checkpoint as checkpoints
from bus import codec, frames
from bus.cursors import Cursor, Cursors
from bus.envelope import AnyEvent
from bus.errors import DecodeError
from bus.merge import MARKET_DATA, Merge
from bus.records import Records
from bus.topics import TOPICS, Bus
from bus.transport import BEGINNING, EntryId, Transport

NAME: Final = "event-log"

_READ_LIMIT: Final = 1_024
_encoder: Final = msgspec.json.Encoder()


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    cursors: dict[str, Cursor]
    positions: dict[str, EntryId]
    watermarks: dict[str, int]
    waiting: list[bytes]


class EventLog:
    """Reader of both buses that gives events in canonical order and market records as they come."""

    def __init__(self, sources: Iterable[str], operational: Iterable[str] = ()) -> None:
        self._merge = Merge([(source, 0) for source in sources])
        self._operational = {name for name, topic in TOPICS.items() if topic.operational} | set(operational)
        self._cursors = Cursors()
        self._records: list[Records] = []
        self.positions: dict[str, EntryId] = dict.fromkeys(Bus, BEGINNING)

    async def pull(self, transport: Transport) -> int:
        """Read what is new on both buses; returns how many entries."""
        count = 0
        for bus in Bus:
            for entry in await transport.read(bus, self.positions[bus], _READ_LIMIT):
                self.positions[bus] = entry.id
                count += 1
                self._receive(bus, entry.fields, f"{bus} {entry.id}")
        return count

    def advance(self, source: str, watermark: int) -> None:
        """Note how far a source has got."""
        self._merge.advance(source, watermark)

    def take_events(self) -> Iterator[AnyEvent]:
        """Events that nothing can precede any more; payloads are plain content."""
        while (event := self._merge.take()) is not None:
            if not isinstance(event, Records):
                yield event

    def take_records(self) -> list[Records]:
        """Market records since the last call, each once."""
        records, self._records = self._records, []
        return records

    async def save(self, transport: Transport) -> None:
        """Keep how far the log has got."""
        saved = _Saved(
            cursors=self._cursors.positions,
            positions=self.positions,
            watermarks=self._merge.watermarks(),
            waiting=[codec.encode(event) for _, event in self._merge.waiting_events()],
        )
        await transport.save(checkpoints.key(NAME), msgspec.msgpack.encode(saved))

    async def resume(self, transport: Transport) -> None:
        """Go on where `save` was called last, if it was."""
        data = await transport.load(checkpoints.key(NAME))
        if data is None:
            return
        saved = msgspec.msgpack.decode(data, type=_Saved)
        self._cursors = Cursors(saved.cursors)
        self.positions.update(saved.positions)
        for source, watermark in saved.watermarks.items():
            self._merge.advance(source, watermark)
        for event in saved.waiting:
            self._merge.offer_event(codec.decode_envelope(event, NAME), 0)

    def _receive(self, bus: Bus, fields: frames.Fields, where: str) -> None:
        try:
            if bus is Bus.MARKET_DATA:
                self._receive_frame(fields, where)
            else:
                self._receive_event(fields, where)
        except DecodeError:
            return  # every engine that reads it has made it a dead letter

    def _receive_frame(self, fields: frames.Fields, where: str) -> None:
        header, records = frames.decode(fields, where)
        first = self._cursors.admit(MARKET_DATA, header.epoch, header.first_sequence, header.last_sequence)
        if first is not None:
            self._records.append(records.split_at_sequence(first)[1])

    def _receive_event(self, fields: frames.Fields, where: str) -> None:
        event = codec.decode_envelope(fields.get("e", b""), where)
        if event.type in self._operational or event.source not in self._merge.sources:
            return
        if self._cursors.admit(event.source, event.epoch, event.sequence, event.sequence):
            self._merge.offer_event(event, 0)


def line(event: AnyEvent) -> bytes:
    """One line of ``events.jsonl``: the event without what differs from run to run.

    >>> from bus.envelope import Event
    >>> event = Event(
    ...     type="t",
    ...     version=1,
    ...     source="s",
    ...     epoch=1,
    ...     sequence=2,
    ...     ts_event=3,
    ...     ts_publish=4,
    ...     trace=5,
    ...     payload=msgspec.Raw(msgspec.msgpack.encode({"x": None})),
    ... )
    >>> line(event)
    b'{"type":"t","source":"s","sequence":2,"ts_event":3,"trace":5,"payload":{"x":null}}'
    """
    return _encoder.encode(
        {
            "type": event.type,
            "source": event.source,
            "sequence": event.sequence,
            "ts_event": event.ts_event,
            "trace": event.trace,
            "payload": plain_payload(event),
        }
    )


def plain_payload(event: AnyEvent) -> Any:
    """Payload as plain content."""
    payload = event.payload
    return (
        msgspec.msgpack.decode(payload) if isinstance(payload, msgspec.Raw) else msgspec.to_builtins(payload)
    )
