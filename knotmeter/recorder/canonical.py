"""The canonical order of recorded events: by time, source and sequence, whatever order they came in.

A day at a time; a day that does not fit in memory is sorted in parts, which are merged from the disk.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pyarrow as pa

from bus.envelope import RawEvent
from knotmeter.recorder import event_table
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.partitions import EVENTS

SORTED_ROWS: Final = 524_288
"""Events sorted in memory at a time..."""

SORTED_BYTES: Final = 128 * 1024 * 1024
"""...if they are no more than so many bytes."""

_BATCH_BYTES: Final = 1024 * 1024
_ORDER: Final = [(name, "ascending") for name in ("ts_event", "source", "epoch", "sequence")]

Scratch = Callable[[str], AbstractContextManager[Path]]
"""Gives a place to write a file of a name; what goes wrong with the disk there is told properly."""


def in_order(archive: Archive, scratch: Scratch) -> Iterator[RawEvent]:
    """Every numbered event of a recording in canonical order.

    Raises:
        DataError: a file of the recording is damaged.
        OutputError: there is no room for what has to be sorted on disk.
    """
    for partition in archive.manifest.partitions(EVENTS):
        yield from _in_order(archive.rows(partition), scratch)


def _in_order(tables: Iterator[pa.Table], scratch: Scratch) -> Iterator[RawEvent]:
    parts: list[Path] = []
    waiting: list[pa.Table] = []
    for table in tables:
        if waiting and _is_enough([*waiting, table]):
            parts.append(_put_aside(_sorted(waiting), len(parts), scratch))
            waiting = []
        waiting.append(table)
    if not parts:
        yield from event_table.events(_sorted(waiting))
        return
    parts.append(_put_aside(_sorted(waiting), len(parts), scratch))
    yield from heapq.merge(*(_put_back(part, scratch) for part in parts), key=_place)
    for part in parts:
        part.unlink()


def _is_enough(tables: list[pa.Table]) -> bool:
    n_rows = sum(table.num_rows for table in tables)
    n_bytes = sum(table.nbytes for table in tables)
    return bool(n_rows > SORTED_ROWS or n_bytes > SORTED_BYTES)


def _sorted(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).sort_by(_ORDER)


def _put_aside(table: pa.Table, number: int, scratch: Scratch) -> Path:
    """Write a sorted table in small batches, since all parts of a day are read back at the same time."""
    rows = max(1, table.num_rows * _BATCH_BYTES // max(table.nbytes, 1))
    with scratch(f"sorted-{number}.arrow") as path, pa.OSFile(str(path), "wb") as file:
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)
        return path


def _put_back(part: Path, scratch: Scratch) -> Iterator[RawEvent]:
    with scratch(part.name), pa.OSFile(str(part), "rb") as file, pa.ipc.open_stream(file) as batches:
        for batch in batches:
            yield from event_table.events(pa.Table.from_batches([batch]))


def _place(event: RawEvent) -> tuple[int, str, int, int]:
    return event.ts_event, event.source, event.epoch, event.sequence
