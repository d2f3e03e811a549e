"""The instrument table: what each row of the record flow is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from bus.records import INSTRUMENT, Array
from shared.errors import ConstraintError

SCALE: Final = 1_000_000_000
"""Increments and multipliers are integers in 1e-9."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """Definition of one instrument; increments and multiplier in 1e-9."""

    instrument_id: str
    price_increment: int = 10_000_000
    size_increment: int = SCALE
    multiplier: int = SCALE
    currency: str = "USD"
    time_zone: str = "UTC"


class Instruments:
    """Instruments by row and by id; rows are given by marketdata and never reused.

    >>> table = Instruments()
    >>> table.add(0, Instrument(instrument_id="ES.XCME"))
    >>> table.row("ES.XCME"), table[0].instrument_id, len(table)
    (0, 'ES.XCME', 1)
    """

    def __init__(self) -> None:
        self._by_row: list[Instrument] = []
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        """Rows known."""
        return len(self._by_row)

    def __getitem__(self, row: int) -> Instrument:
        """Definition of a row."""
        return self._by_row[row]

    def __iter__(self) -> Iterator[Instrument]:
        """Definitions in row order."""
        return iter(self._by_row)

    def row(self, instrument_id: str) -> int | None:
        """Row of an id, None if unknown."""
        return self._rows.get(instrument_id)

    def add(self, row: int, instrument: Instrument) -> None:
        """Set the definition of a row; a new row must be the next one."""
        known = self._rows.get(instrument.instrument_id)
        if row > len(self._by_row) or (known is not None and known != row):
            expected = len(self) if known is None else known
            message = f"Expected row {expected} for {instrument.instrument_id}, got {row}"
            raise ValueError(message)
        if row == len(self._by_row):
            self._by_row.append(instrument)
        else:
            del self._rows[self._by_row[row].instrument_id]
            self._by_row[row] = instrument
        self._rows[instrument.instrument_id] = row

    def learn(self, records: Array) -> None:
        """Add the definitions of instrument records."""
        for record in records:
            self.add(int(record["instrument"]), from_record(record))

    def definitions(self) -> list[Instrument]:
        """All definitions in row order."""
        return list(self._by_row)


def from_record(record: Array) -> Instrument:
    """Read one instrument record."""
    return Instrument(
        instrument_id=bytes(record["instrument_id"]).decode(),
        price_increment=int(record["price_increment"]),
        size_increment=int(record["size_increment"]),
        multiplier=int(record["multiplier"]),
        currency=bytes(record["currency"]).decode(),
        time_zone=bytes(record["time_zone"]).decode(),
    )


def to_records(instruments: list[Instrument], first_row: int, ts_init: int) -> Array:
    """Instrument records of consecutive rows, unnumbered."""
    records = np.zeros(len(instruments), INSTRUMENT)
    records["ts_event"] = records["ts_init"] = ts_init
    for offset, instrument in enumerate(instruments):
        record = records[offset]
        record["instrument"] = first_row + offset
        for name in ("price_increment", "size_increment", "multiplier"):
            record[name] = getattr(instrument, name)
        for name in ("instrument_id", "currency", "time_zone"):
            record[name] = _fitting(name, getattr(instrument, name))
    return records


def _fitting(name: str, text: str) -> bytes:
    """A text that a record has room for.

    Raises:
        ConstraintError: it would be cut.
    """
    room = INSTRUMENT[name].itemsize
    data = text.encode()
    if len(data) > room:
        raise ConstraintError(name, f"at most {room} bytes", f"{text!r} of {len(data)}")
    return data
