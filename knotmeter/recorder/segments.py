"""Segments: reading the Parquet files of a recording, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from knotmeter.recorder.manifest import Manifest, Segment
from shared.errors import DataError


def row_groups(folder: Path, name: str, segment: Segment, schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows of a segment, one row group after another.

    Args:
        folder: of the recording.
        name: path of the segment's file below it.
        segment: what the manifest says of it.
        schema: columns it must have.

    Raises:
        DataError: the file is not what the manifest says.
    """
    path = folder / name
    try:
        with closing(pq.ParquetFile(path, page_checksum_verification=True)) as file:
            if not file.schema_arrow.equals(schema):
                _refuse(path, f"the columns {', '.join(schema.names)}", ", ".join(file.schema_arrow.names))
            if file.metadata.num_rows != segment.n_rows:
                _refuse(path, f"{segment.n_rows:,} rows", f"{file.metadata.num_rows:,}")
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        message = (
            f"`{path}`: expected a readable file of the recording, found: {reason}; restore it from a copy"
        )
        raise DataError(message) from error


def check(folder: Path, manifest: Manifest) -> None:
    """See that every segment is there in its full length.

    Raises:
        DataError: one is not.
    """
    for name, segment in manifest.files():
        path = folder / name
        try:
            n_bytes = path.stat().st_size
        except FileNotFoundError:
            _refuse(path, f"a file of {segment.n_bytes:,} bytes", "none")
        if n_bytes != segment.n_bytes:
            _refuse(path, f"a file of {segment.n_bytes:,} bytes", f"{n_bytes:,}")


def _refuse(path: Path, expected: str, found: str) -> NoReturn:
    message = f"`{path}`: expected {expected}, as the manifest says, found {found}; restore it from a copy"
    raise DataError(message)
