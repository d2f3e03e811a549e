"""A batch: what was received between two flushes, by partition, and how far that gets the recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from bus.envelope import RawEvent
from bus.messages.control import DeadLetter
from bus.records import Array, Records
from knotmeter.recorder import event_table, letter_table, market_table
from knotmeter.recorder.manifest import Progress
from knotmeter.recorder.partitions import (
    DAY,
    DEAD_LETTERS,
    MARKET,
    day_of,
    partition,
)

_EVENT_BYTES: Final = 600
"""About what an event takes in memory beside its payload."""


class Batch:
    """Rows on their way to the disk, in the order in which they came."""

    def __init__(self) -> None:
        self.progress = Progress()
        """Where the recording stands with these rows; set when the batch is closed."""
        self.n_bytes = 0
        """About what it holds in memory."""
        self._records: dict[str, tuple[str, list[tuple[int, Array]]]] = {}
        self._events: dict[str, list[RawEvent]] = {}
        self._letters: list[DeadLetter] = []

    def add_records(self, epoch: int, records: Records) -> None:
        """Add a slice of the flow, which may pass midnight."""
        while len(records):
            day = day_of(records.first_ts_init)
            head, records = records, Records({})
            if day_of(head.last_ts_init) != day:
                head, records = head.split_after_time((day + 1) * DAY - 1)
            for kind, array in head:
                folder = partition(f"{MARKET}/{kind}", day)
                self._records.setdefault(folder, (kind, []))[1].append((epoch, array))
                self.n_bytes += array.nbytes

    def add_event(self, data_set: str, event: RawEvent) -> None:
        """Add an event."""
        self._events.setdefault(partition(data_set, day_of(event.ts_event)), []).append(event)
        self.n_bytes += _EVENT_BYTES + len(memoryview(event.payload))

    def add_letter(self, letter: DeadLetter) -> None:
        """Add an entry that could not be decoded."""
        self._letters.append(letter)
        self.n_bytes += _EVENT_BYTES + len(letter.content)

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """Each partition that has new rows, with these."""
        for folder, (kind, slices) in self._records.items():
            yield folder, market_table.table(kind, slices)
        for folder, events in self._events.items():
            yield folder, event_table.table(events)
        if self._letters:
            yield DEAD_LETTERS, letter_table.table(self._letters)
