"""Frames: one stream entry of the MarketData bus, a slice of the record flow.

An entry has the field ``h``, a fixed 64-byte header, and one field for each record kind present, named as in
`bus.records.KINDS`, holding that kind's records back to back. Header, little-endian:

| offset | type | field |
|---|---|---|
| 0 | 4 bytes | magic ``KNOT`` |
| 4 | u16 | version, 1 |
| 6 | u16 | reserved, 0 |
| 8 | u64 | epoch of the producer |
| 16 | u64 | first sequence |
| 24 | u64 | last sequence |
| 32 | i64 | watermark, ns: no later frame has a record at or before it |
| 40 | i64 | ``ts_publish``, ns |
| 48 | u32 | records of all kinds |
| 52 | 12 bytes | reserved, 0 |
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from bus.errors import DecodeError
from bus.records import KINDS, Array, Records

MAGIC: Final = b"KNOT"
VERSION: Final = 1
MAX_RECORDS: Final = 65_536
"""Most records one frame may carry."""

_HEADER: Final = struct.Struct("<4sHHQQQqqI12x")

Fields = Mapping[str, bytes | memoryview]
"""Fields of one stream entry."""


class Header(NamedTuple):
    """What a frame says of itself."""

    epoch: int
    first_sequence: int
    last_sequence: int
    watermark: int
    ts_publish: int
    n_records: int


def encode(records: Records, *, epoch: int, watermark: int, ts_publish: int) -> dict[str, bytes | memoryview]:
    """Make the entry of one frame; the arrays are viewed, not copied, where they are contiguous."""
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        0,
        epoch,
        records.first_sequence,
        records.last_sequence,
        watermark,
        ts_publish,
        len(records),
    )
    fields: dict[str, bytes | memoryview] = {"h": header}
    for kind, array in records:
        fields[kind] = np.ascontiguousarray(array).view(np.uint8).data
    return fields


def decode(fields: Fields, where: str, kinds: Mapping[str, np.dtype[Any]] = KINDS) -> tuple[Header, Records]:
    """Read one frame; the records are read-only views of the entry.

    Args:
        fields: of the entry.
        where: names the entry.
        kinds: record kinds that are taken; a feed has more of them than a bus.

    Raises:
        DecodeError: the entry is not a frame; ``where`` names it.
    """
    header = _decode_header(fields, where)
    arrays = {kind: _decode_array(kind, kinds, data, where) for kind, data in fields.items() if kind != "h"}
    records = Records(arrays)
    if len(records) != header.n_records:
        raise DecodeError(f"{header.n_records} records", str(len(records)), where)
    _check_order(header, records, where)
    return header, records


def _decode_header(fields: Fields, where: str) -> Header:
    data = fields.get("h")
    if data is None:
        raise DecodeError("field `h`", f"fields {sorted(fields)}", where)
    if len(data) != _HEADER.size:
        raise DecodeError(f"a header of {_HEADER.size} bytes", f"{len(data)} bytes", where)
    magic, version, _, *rest = _HEADER.unpack(data)
    if magic != MAGIC:
        raise DecodeError(f"magic {MAGIC!r}", repr(magic), where)
    if version != VERSION:
        raise DecodeError(f"frame version {VERSION}", str(version), where)
    header = Header(*rest)
    if not 0 < header.n_records <= MAX_RECORDS:
        raise DecodeError(f"1 to {MAX_RECORDS} records", str(header.n_records), where)
    return header


def _check_order(header: Header, records: Records, where: str) -> None:
    """Every sequence of the header's range once, and times that never decrease in that order."""
    first, n_records = header.first_sequence, header.n_records
    expected = f"sequences {first} to {header.last_sequence}, each once"
    if header.last_sequence - first + 1 != n_records:
        raise DecodeError(expected, f"{n_records} records", where)
    if n_records == 1 and records.first_sequence == first:
        return
    arrays = [array for _, array in records]
    if len(arrays) == 1:
        # Ascending, as many as the range is long, and both ends in place: no sequence is missing.
        if (records.first_sequence, records.last_sequence) != (first, header.last_sequence):
            raise DecodeError(expected, f"{records.first_sequence} to {records.last_sequence}", where)
        times = arrays[0]["ts_init"]
    else:
        times = _interleaved(arrays, first, n_records, expected, where)
    is_behind = times[1:] < times[:-1]
    if is_behind.any():
        place = int(is_behind.argmax()) + 1
        got = f"{times[place]} after {times[place - 1]} at sequence {first + place}"
        raise DecodeError("`ts_init` that never decreases", got, where)


def _interleaved(arrays: list[Array], first: int, n_records: int, expected: str, where: str) -> Array:
    """Times of several kinds in the order of their sequences, each of which has to be there."""
    times = np.zeros(n_records, np.int64)
    is_there = np.zeros(n_records, np.bool_)
    for array in arrays:
        places = array["sequence"] - np.uint64(first)
        if places.max() >= n_records:
            raise DecodeError(expected, f"{array['sequence'].max()}", where)
        times[places] = array["ts_init"]
        is_there[places] = True
    if not is_there.all():
        raise DecodeError(expected, f"none of {first + int(is_there.argmin())}", where)
    return times


def _decode_array(
    kind: str, kinds: Mapping[str, np.dtype[Any]], data: bytes | memoryview, where: str
) -> Array:
    dtype = kinds.get(kind)
    if dtype is None:
        raise DecodeError(f"a record kind of {sorted(kinds)}", repr(kind), where)
    if len(data) == 0 or len(data) % dtype.itemsize:
        raise DecodeError(f"a multiple of {dtype.itemsize} bytes", f"{len(data)} bytes", f"{where}, `{kind}`")
    array = np.frombuffer(data, dtype)
    array.flags.writeable = False
    if len(array) > 1 and not (array["sequence"][1:] > array["sequence"][:-1]).all():
        raise DecodeError("ascending sequences", "sequences out of order", f"{where}, `{kind}`")
    return array
