"""The metadata at the head of a DBN file (Databento Binary Encoding), versions 1 to 3.

After ``DBN``, a version byte and a length come fixed fields of 100 bytes, then lists of symbols and the
mappings of symbols to the instrument ids of the records. Integers are little-endian; texts are padded with
zeros to a length that depends on the version.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

VERSIONS: Final = (1, 2, 3)
PREFIX_BYTES: Final = 8

SCHEMAS: Final = (
    *(
        "mbo",
        "mbp-1",
        "mbp-10",
        "tbbo",
        "trades",
        "ohlcv-1s",
        "ohlcv-1m",
        "ohlcv-1h",
        "ohlcv-1d",
        "definition",
    ),
    *("statistics", "status", "imbalance", "ohlcv-eod", "cmbp-1", "cbbo-1s", "cbbo-1m", "tcbbo", "bbo-1s"),
    "bbo-1m",
)
"""Names of schemas by their number."""

_FIXED: Final = struct.Struct("<16sHQQQ")
_FIXED_BYTES: Final = 100
_FLAGS_AT: Final = {1: 50, 2: 42, 3: 42}
"""Where the symbol types stand; version 1 has a record count before them."""
_SYMBOL_BYTES_V1: Final = 22
_INTERVAL_BYTES: Final = 8
_INSTRUMENT_ID: Final = 0
"""Number of the symbol type that is an instrument id."""


class Mapping(NamedTuple):
    """A symbol's instrument id during some days."""

    instrument_id: int
    symbol: str
    start: int
    """First moment, ns."""
    end: int
    """Moment after the last, ns."""


class Metadata(NamedTuple):
    """What the head of a DBN file says."""

    version: int
    dataset: str
    schema: str
    ts_out: bool
    """Whether a send time of 8 bytes follows every record."""
    mappings: tuple[Mapping, ...]


def parse(version: int, data: bytes) -> Metadata:
    """Read the metadata after the prefix.

    Raises:
        ValueError: it is shorter than it says.
    """
    try:
        dataset, schema, _start, _end, _limit = _FIXED.unpack_from(data)
        at = _FLAGS_AT[version]
        stype_out, ts_out = data[at + 1], data[at + 2]
        width = _SYMBOL_BYTES_V1 if version == 1 else max(struct.unpack_from("<H", data, at + 3)[0], 1)
        mappings = tuple(_mappings(_Reader(data, width))) if stype_out == _INSTRUMENT_ID else ()
    except (struct.error, IndexError) as error:
        message = f"metadata of {len(data)} bytes that end too early"
        raise ValueError(message) from error
    name = SCHEMAS[schema] if schema < len(SCHEMAS) else "mixed"
    return Metadata(version, _text(dataset), name, bool(ts_out), mappings)


class _Reader:
    """Reads the lists behind the fixed fields."""

    def __init__(self, data: bytes, symbol_bytes: int) -> None:
        self._data = data
        self._at = _FIXED_BYTES
        self._symbol_bytes = symbol_bytes

    def number(self) -> int:
        """Next unsigned 32-bit integer."""
        (value,) = struct.unpack_from("<I", self._data, self._at)
        self._at += 4
        return int(value)

    def count(self, n_bytes: int = 0) -> int:
        """Length of the list that follows, of symbols with ``n_bytes`` beside each; it fits what is left."""
        found = self.number()
        if found * (self._symbol_bytes + n_bytes) > len(self._data) - self._at:
            message = f"a list of {found}"
            raise struct.error(message)
        return found

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        self._at += count

    def symbol(self) -> str:
        """Next padded text."""
        (value,) = struct.unpack_from(f"<{self._symbol_bytes}s", self._data, self._at)
        self._at += self._symbol_bytes
        return _text(value)


def _mappings(reader: _Reader) -> Iterator[Mapping]:
    reader.skip(reader.number())
    for _ in ("symbols", "partial", "not found"):
        for _ in range(reader.count()):
            reader.symbol()
    for _ in range(reader.count()):
        symbol = reader.symbol()
        for _ in range(reader.count(_INTERVAL_BYTES)):
            start, end = _day(reader.number()), _day(reader.number())
            number = reader.symbol()
            if number.isdigit():
                yield Mapping(int(number), symbol, start, end)


def _day(number: int) -> int:
    """Start of a day written as 20240701, ns."""
    day = datetime(number // 10_000, number // 100 % 100, number % 100, tzinfo=UTC)
    return int(day.timestamp()) * 1_000_000_000


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode("utf-8", "replace")
