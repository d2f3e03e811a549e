"""Parquet tables made from what a run appended: one for each event type, and the bars and instruments.

Tables are written when the run is over, from ``events.jsonl`` and the raw records beside it: they hold what
the log holds, and their bytes do not depend on where a run was stopped and resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bus.records import BAR, INSTRUMENT, KINDS, Array
from bus.topics import Topic
from knotmeter.output import market
from knotmeter.output.columns import batch, payload_columns, schema
from knotmeter.output.folder import OutputFolder
from shared.instruments import Instruments

EVENTS: Final = "events.jsonl"
ROW_GROUP: Final = 65_536
"""Rows converted and written at a time."""

KEPT_KINDS: Final = ("instrument", "bar")
"""Record kinds that a run leaves as tables; trades and quotes are in its input already."""


def raw_name(kind: str) -> str:
    """File of a kind's raw records while the run lasts."""
    return f"{kind}.records"


def write_event_tables(folder: OutputFolder, topics: Iterable[Topic]) -> None:
    """One table for each topic, empty where nothing was said."""
    for topic in topics:
        columns = payload_columns(topic.payload)
        events = _events_of(folder.path(EVENTS), topic.name)
        batches = (batch(rows, columns) for rows in _cut(events))
        _write(folder, topic.name, schema(columns), batches)


def write_market_tables(folder: OutputFolder) -> None:
    """Bars and instruments, where the run had any; their raw records are removed."""
    instruments = Instruments()
    for records in _raw(folder, "instrument"):
        instruments.learn(records)
    _convert(folder, "instrument", market.definitions, np.zeros(0, INSTRUMENT))
    _convert(folder, "bar", lambda records: market.bars(records, instruments), np.zeros(0, BAR))
    for kind in KEPT_KINDS:
        folder.path(raw_name(kind)).unlink(missing_ok=True)


def _events_of(path: Path, name: str) -> Iterator[dict[str, Any]]:
    start = b'{"type":' + msgspec.json.encode(name) + b","
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(start):
                yield msgspec.json.decode(line)


def _cut(events: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for event in events:
        rows.append(event)
        if len(rows) == ROW_GROUP:
            yield rows
            rows = []
    if rows:
        yield rows


def _convert(
    folder: OutputFolder, kind: str, convert: Callable[[Array], pa.RecordBatch], empty: Array
) -> None:
    if folder.path(raw_name(kind)).exists():
        batches = (convert(records) for records in _raw(folder, kind))
        _write(folder, kind, convert(empty).schema, batches)


def _raw(folder: OutputFolder, kind: str) -> Iterator[Array]:
    path, dtype = folder.path(raw_name(kind)), KINDS[kind]
    if not path.exists():
        return
    with path.open("rb") as file:
        while data := file.read(dtype.itemsize * ROW_GROUP):
            yield np.frombuffer(data, dtype)


def _write(folder: OutputFolder, name: str, kind: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with (
        folder.writing(f"{name}.parquet") as path,
        pq.ParquetWriter(path, kind, compression="zstd") as writer,
    ):
        for rows in batches:
            writer.write_batch(rows, row_group_size=ROW_GROUP)
