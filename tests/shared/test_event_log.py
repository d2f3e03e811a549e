"""The canonical event log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bus import codec
from bus.envelope import Cause, Event
from bus.memory import MemoryTransport
from bus.messages.control import Watermark
from bus.records import END_OF_TIME
from bus.topics import Bus
from shared.event_log import EventLog, line


def entry(
    source: str, sequence: int, ts_event: int, kind: str = "t", payload: Any = None
) -> dict[str, bytes]:
    """Fields of an event."""
    event = Event(
        type=kind,
        version=1,
        source=source,
        epoch=1,
        sequence=sequence,
        ts_event=ts_event,
        ts_publish=sequence,
        trace=7,
        cause=Cause("md", 7),
        payload=payload or {"x": 1.5, "y": None},
    )
    return {"e": codec.encode(event)}


async def publish(transport: MemoryTransport, entries: list[dict[str, bytes]]) -> None:
    """Publish entries on Engine Logic."""
    for fields in entries:
        await transport.publish(Bus.ENGINE_LOGIC, fields)


def test_events_come_once_in_canonical_order_without_operational_ones() -> None:
    """Order is (time, source, sequence); copies, watermarks, strangers and garbage leave no trace."""

    async def script() -> list[tuple[str, int]]:
        transport, log = MemoryTransport(), EventLog(["a", "b"])
        watermark = entry("a", 1, 9, "watermark", Watermark(watermark=9))
        entries = [entry("b", 1, 5), entry("b", 2, 9), entry("a", 1, 5), entry("b", 1, 5), watermark]
        await publish(transport, [*entries, entry("stranger", 1, 1), {"e": b"garbage"}])
        await log.pull(transport)
        for source in ("a", "b"):
            log.advance(source, END_OF_TIME)
        return [(event.source, event.sequence) for event in log.take_events()]

    assert asyncio.run(script()) == [("a", 1), ("b", 1), ("b", 2)]


def test_an_event_waits_for_the_slower_source() -> None:
    """Nothing is written that an earlier event could still precede."""

    async def script() -> list[int]:
        transport, log = MemoryTransport(), EventLog(["a", "b"])
        await publish(transport, [entry("a", 1, 5), entry("a", 2, 8)])
        await log.pull(transport)
        log.advance("b", 6)
        return [event.sequence for event in log.take_events()]

    assert asyncio.run(script()) == [1]


def test_a_saved_log_goes_on_where_it_was() -> None:
    """A restored log writes neither an event twice nor misses one that was waiting."""

    async def script() -> list[int]:
        transport, log = MemoryTransport(), EventLog(["a", "b"])
        await publish(transport, [entry("a", 1, 5), entry("a", 2, 8)])
        await log.pull(transport)
        log.advance("b", 6)
        first = [event.sequence for event in log.take_events()]
        await log.save(transport)
        again = EventLog(["a", "b"])
        await again.resume(transport)
        await again.pull(transport)
        again.advance("b", END_OF_TIME)
        return first + [event.sequence for event in again.take_events()]

    assert asyncio.run(script()) == [1, 2]


def test_a_line_is_plain_json_of_what_is_the_same_in_every_run() -> None:
    """Type, source, sequence, time, trace and payload, and no publication time."""
    event = codec.decode_envelope(entry("a", 3, 5)["e"], "test")
    other = codec.decode_envelope(
        entry("a", 3, 5)["e"].replace(b"\xaats_publish\x03", b"\xaats_publish\x04"), "test"
    )

    assert json.loads(line(event)) == {
        "type": "t", "source": "a", "sequence": 3, "ts_event": 5, "trace": 7, "payload": {"x": 1.5, "y": None}
    }  # fmt: skip
    assert event.ts_publish != other.ts_publish
    assert line(event) == line(other)
