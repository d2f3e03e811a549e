"""Writes small data files, and reads feeds to their end."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bus.records import Array, Records
from services.marketdata.adapter import Feed, FileSettings, ReadSettings, open_feed
from services.marketdata.adapter.dbn_layout import LAYOUTS
from services.marketdata.adapter.dbn_metadata import SCHEMAS
from shared.instruments import Instrument, from_record

START = 1_700_000_000_000_000_000
"""A time in ns: 2023-11-14T22:13:20Z."""


def write_csv(path: Path, *lines: str) -> Path:
    """A CSV file of these lines, compressed where its name ends in .gz."""
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def write_parquet(path: Path, **columns: Any) -> Path:
    """A Parquet file of these columns."""
    pq.write_table(pa.table(columns), path, row_group_size=1_000)
    return path


def write_lean(folder: Path, name: str, member: str, *lines: str) -> Path:
    """A Lean zip with one CSV of these lines."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, "".join(f"{line}\n" for line in lines))
    return path


def dbn_head(
    schema: str,
    version: int = 3,
    mappings: Sequence[tuple[str, Sequence[tuple[int, int, str]]]] = (
        ("ESU4", [(20231101, 20231201, "118")]),
    ),
    *,
    ts_out: bool = False,
    dataset: str = "GLBX.MDP3",
) -> bytes:
    """Head of a DBN file; mappings are (symbol, [(first day, day after the last, instrument id)])."""
    width = 22 if version == 1 else 71

    def text(value: str) -> bytes:
        return value.encode().ljust(width, b"\0")

    data = struct.pack("<16sHQQQ", dataset.encode(), SCHEMAS.index(schema), 0, 0, 0)
    data += struct.pack("<Q", 0) if version == 1 else b""
    data += struct.pack("<BBB", 1, 0, ts_out)
    data += b"" if version == 1 else struct.pack("<H", width)
    data = data.ljust(100, b"\0") + struct.pack("<I", 0)
    data += struct.pack("<I", len(mappings)) + b"".join(text(symbol) for symbol, _ in mappings)
    data += struct.pack("<III", 0, 0, len(mappings))
    for symbol, intervals in mappings:
        data += text(symbol) + struct.pack("<I", len(intervals))
        for first, end, number in intervals:
            data += struct.pack("<II", first, end) + text(number)
    return b"DBN" + bytes([version]) + struct.pack("<I", len(data)) + data


def dbn_rows(schema: str, n_rows: int, *, ts_out: bool = False) -> Array:
    """Records of a schema with their headers filled in, one a microsecond."""
    record_type, fields = LAYOUTS[schema]
    dtype = np.dtype([*fields, ("ts_out", "<i8")] if ts_out else fields)
    rows = np.zeros(n_rows, dtype)
    rows["length"] = dtype.itemsize // 4
    rows["rtype"] = record_type
    rows["instrument_id"] = 118
    rows["ts_event"] = START + 1_000 * np.arange(n_rows)
    if "ts_recv" in (dtype.names or ()):
        rows["ts_recv"] = rows["ts_event"] + 500
        rows["action"] = ord("T")
        rows["side"] = ord("N")
    return rows


def write_dbn(path: Path, head: bytes, rows: Array) -> Path:
    """A DBN file, under zstd where its name says so."""
    data = head + rows.tobytes()
    path.write_bytes(pa.compress(data, codec="zstd", asbytes=True) if path.suffix == ".zst" else data)
    return path


def feed(*paths: Path | FileSettings, **defaults: Any) -> Feed:
    """A feed of files, read as the settings say."""
    files = [path if isinstance(path, FileSettings) else FileSettings(path=str(path)) for path in paths]
    return open_feed(ReadSettings(**defaults), files)


def slices(source: Feed, limit: int = 1_000) -> Iterator[Records]:
    """Slices of a feed to its end."""
    while len(records := source.read(limit)):
        yield records


def read(*paths: Path | FileSettings, **defaults: Any) -> Records:
    """All records of files."""
    opened = feed(*paths, **defaults)
    parts = list(slices(opened))
    opened.close()
    return Records.joined(parts)


def definitions(records: Records) -> list[Instrument]:
    """Instruments that records define."""
    return [from_record(record) for record in records.instrument]


def rows_of(records: Records) -> list[tuple[Any, ...]]:
    """Every record as a plain tuple with its kind, in order."""
    found = [(int(record["sequence"]), kind, *record.tolist()) for kind, array in records for record in array]
    return sorted(found)
