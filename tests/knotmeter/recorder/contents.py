"""What a recording holds, read back for comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from knotmeter.recorder import event_table, letter_table, market_table
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.manifest import Progress
from knotmeter.recorder.partitions import DEAD_LETTERS, EVENTS, OPERATIONAL, data_set_of
from tests.bus.slices import rows as rows_of
from tests.knotmeter.recorder.traffic import Content, event_row


def content(folder: Path) -> Content:
    """Every row by partition, in the order it stands in."""
    with Archive(folder) as archive:
        return {name: list(_rows(archive, name)) for name in archive.manifest.segments}


def progress(folder: Path) -> dict[str, Any]:
    """How far a recording has got."""
    with Archive(folder) as archive:
        names = Progress.__struct_fields__
        plain = msgspec.json.decode(msgspec.json.encode(archive.manifest))
        return {name: plain[name] for name in names}


def sorted_letters(found: Content) -> Content:
    """Content with dead letters, which come over both buses in any order, in one order."""
    return {name: sorted(rows) if name == DEAD_LETTERS else rows for name, rows in found.items()}


def files(folder: Path) -> set[str]:
    """Every Parquet file there is, named in the manifest or not."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}


def _rows(archive: Archive, folder: str) -> list[Any]:
    data_set = data_set_of(folder)
    rows: list[Any] = []
    for table in archive.rows(folder):
        if data_set in (EVENTS, OPERATIONAL):
            rows += [event_row(one) for one in event_table.events(table)]
        elif data_set == DEAD_LETTERS:
            rows += [
                (one.producer, one.producer_epoch, one.producer_sequence, one.error)
                for one in letter_table.letters(table)
            ]
        else:
            kind = data_set.rpartition("/")[2]
            for epoch, records in market_table.slices(kind, table):
                rows += [(epoch, *record) for record in rows_of(records)]
    return rows
