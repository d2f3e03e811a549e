"""Events as Arrow tables and back: the envelope in columns, the payload as it stood on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import pyarrow as pa

from bus.envelope import Cause, Event, RawEvent
from bus.errors import DecodeError

SCHEMA: Final = pa.schema(
    [
        ("type", pa.string()),
        ("version", pa.int64()),
        ("source", pa.string()),
        ("epoch", pa.int64()),
        ("sequence", pa.int64()),
        ("ts_event", pa.int64()),
        ("ts_publish", pa.int64()),
        ("trace", pa.int64()),
        ("cause_source", pa.string()),
        ("cause_sequence", pa.int64()),
        ("payload", pa.binary()),
    ]
)
"""Columns of an event table; times are ns."""

_AT_A_TIME: Final = 4_096
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1


def check(event: RawEvent, where: str) -> None:
    """See that a table has room for an event's numbers.

    Raises:
        DecodeError: one is beyond 64 bits.
    """
    numbers = (event.version, event.epoch, event.sequence, event.ts_event, event.ts_publish)
    lowest, highest = min(numbers), max(numbers)
    for other in (event.trace, None if event.cause is None else event.cause.sequence):
        if other is not None:
            lowest, highest = min(lowest, other), max(highest, other)
    if lowest < _LOWEST or highest > _HIGHEST:
        wrong = lowest if lowest < _LOWEST else highest
        raise DecodeError("an envelope of signed 64-bit numbers", str(wrong), where)


def table(events: Sequence[RawEvent]) -> pa.Table:
    """Events as one table."""
    causes = [event.cause for event in events]
    columns = {
        "type": [event.type for event in events],
        "version": [event.version for event in events],
        "source": [event.source for event in events],
        "epoch": [event.epoch for event in events],
        "sequence": [event.sequence for event in events],
        "ts_event": [event.ts_event for event in events],
        "ts_publish": [event.ts_publish for event in events],
        "trace": [event.trace for event in events],
        "cause_source": [None if cause is None else cause.source for cause in causes],
        "cause_sequence": [None if cause is None else cause.sequence for cause in causes],
        "payload": [bytes(event.payload) for event in events],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def events(content: pa.Table) -> Iterator[RawEvent]:
    """The events of a table again."""
    for part in content.to_batches(max_chunksize=_AT_A_TIME):
        for row in zip(*(column.to_pylist() for column in part.columns), strict=True):
            kind, version, source, epoch, sequence, ts_event, ts_publish, trace, *cause, payload = row
            yield Event(
                type=kind,
                version=version,
                source=source,
                epoch=epoch,
                sequence=sequence,
                ts_event=ts_event,
                ts_publish=ts_publish,
                trace=trace,
                cause=None if cause[0] is None else Cause(*cause),
                payload=msgspec.Raw(payload),
            )
