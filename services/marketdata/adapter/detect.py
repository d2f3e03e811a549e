"""Which format a file has: its first bytes say so, not its name; of CSV, its header line."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.itch_name import is_itch
from services.marketdata.adapter.settings import FileSettings, Format
from services.marketdata.adapter.source import Source
from services.marketdata.adapter.streams import read_buffer, unpacked
from services.marketdata.adapter.tardis_name import is_tardis

_START_BYTES: Final = 256

_MAGIC: Final[Mapping[bytes, Format]] = {b"PAR1": "parquet", b"DBN": "dbn", b"PK": "lean"}

_NAMES: Final[Mapping[Format, str]] = {
    "csv": "a CSV file",
    "parquet": "a Parquet file",
    "dbn": "a DBN file",
    "lean": "a Lean zip",
    "itch": "an ITCH 5.0 file",
    "tardis": "a CSV file of Tardis",
}

_SOURCES: Final[Mapping[Format, tuple[str, str]]] = {
    "csv": ("csv_file", "CsvSource"),
    "parquet": ("parquet_file", "ParquetSource"),
    "dbn": ("dbn_file", "DbnSource"),
    "lean": ("lean_file", "LeanSource"),
    "itch": ("itch_file", "ItchSource"),
    "tardis": ("tardis_file", "tardis_source"),
}
"""Module of each format, and what opens a file there; its libraries are loaded when a file needs them."""


def open_source(settings: FileSettings) -> Source:
    """Open a file as what it is, or as what the settings say.

    Raises:
        DataError: there is no such file, it is empty, or it is not what the settings say.
    """
    found = detect_format(settings.path)
    if settings.format == "csv" and found == "tardis":
        found = "csv"  # which it is too, read by the names of its columns
    if settings.format is not None and settings.format != found:
        advice = f"Set `marketdata.format` to {found}, or leave it out."
        raise fault(settings.path, _NAMES[settings.format], _NAMES[found], advice)
    module, name = _SOURCES[found]
    source: Source = getattr(importlib.import_module(f"{__package__}.{module}"), name)(settings)
    return source


def detect_format(path: str) -> Format:
    """Format of a file by its first bytes, under gzip, zstd or bzip2 too; CSV if it is other text.

    Raises:
        DataError: there is no such file, it is empty, or it is none of the formats.
    """
    start = _first_bytes(path)
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    is_json = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if is_itch(start):
        return "itch"
    if is_json or b"\0" in start:
        *others, last = _NAMES.values()
        expected = f"{', '.join(others)} or {last}"
        advice = "Convert the file to one of these."
        raise fault(path, expected, "JSON" if is_json else "binary data of another format", advice)
    return "tardis" if is_tardis(start) else "csv"


def _first_bytes(path: str) -> bytes:
    advice = "Check the path."
    if Path(path).is_dir():
        raise fault(path, "a file", "a directory", advice)
    try:
        file = pa.OSFile(path)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise fault(path, "a file that can be read", found, advice) from error
    with file:
        if not file.size():
            raise fault(path, "a file with data", "an empty file", "Fetch the file again.")
        start: bytes = read_buffer(path, unpacked(file), _START_BYTES).to_pybytes()
    return start
