"""What a file is: read once to its end, told to a person, and turned into the settings to use it."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bus.records import Array, Records
from services.marketdata.adapter.detect import detect_format, open_source
from services.marketdata.adapter.fixed_point import price_divisors, price_step
from services.marketdata.adapter.merge import times_of
from services.marketdata.adapter.settings import FileSettings, Format, ReadSettings
from services.marketdata.adapter.source import ColumnUse, Source
from shared.errors import DataError

N_GAPS: Final = 5
"""Silences that are told."""

_PRICE_FIELDS: Final = {
    **dict.fromkeys(("trade", "order", "level"), ("price",)),
    "quote": ("bid_price", "ask_price"),
    "bar": ("open", "close"),
}


class Gap(msgspec.Struct, frozen=True):
    """A time without a record."""

    start: int
    """Time of the record before it, ns."""
    end: int
    """Time of the record after it, ns."""

    @property
    def seconds(self) -> float:
        """Its length, s."""
        return (self.end - self.start) / 1e9


class InstrumentFound(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument of a file; increments in 1e-9."""

    instrument_id: str
    n_records: int
    price_increment: int
    size_increment: int


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was found to be; what could not be found out is None or empty, and why is in `problems`."""

    path: str
    format: Format
    kind: str | None = None
    n_records: int = 0
    columns: tuple[ColumnUse, ...] = ()
    first_time: int | None = None
    last_time: int | None = None
    time_zone: str | None = None
    is_naive: bool = False
    """Whether the file's times name no zone, so that `time_zone` was taken."""
    gaps: tuple[Gap, ...] = ()
    """Longest silences, the longest first."""
    instruments: tuple[InstrumentFound, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: FileSettings

    def settings_toml(self) -> str:
        """The settings to read the file like this, as TOML."""
        return as_toml(self.settings)


def inspect(path: str, settings: ReadSettings | None = None) -> Inspection:
    """Read a file to its end and say what it is.

    Args:
        path: the file.
        settings: how it is read where it does not say so itself.

    Raises:
        DataError: there is no such file, nothing in it, or it is of no format that is known. Anything else
            is told as a problem.
    """
    asked = FileSettings(path=path).over(settings or ReadSettings())
    form = detect_format(path)
    try:
        source = open_source(asked)
        source.roster.increments = source.surveyed_increments()
    except DataError as error:
        return Inspection(path=path, format=form, problems=(str(error),), settings=asked)
    tally = _Tally(source)
    problems = []
    try:
        for block in source.blocks():
            tally.add(block)
    except DataError as error:
        problems.append(str(error))
    return tally.inspection(tuple(problems))


def as_toml(settings: FileSettings) -> str:
    """One file's settings as an item of ``marketdata.files``; what is left to its default is left out.

    >>> print(as_toml(FileSettings(path="t.csv", columns={"price": "last"})))
    [[marketdata.files]]
    path = "t.csv"
    columns = {"price" = "last"}
    <BLANKLINE>
    """
    plain = FileSettings(path="-")
    lines = ["[[marketdata.files]]"]
    for name in ("path", *ReadSettings.__struct_fields__):
        value = getattr(settings, name)
        if value != getattr(plain, name):
            lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


class _Tally:
    """Counts over the blocks of one file, in bounded memory."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self._divisors: dict[int, int] = {}
        self._gaps: list[Gap] = []
        self._first: int | None = None
        self._last: int | None = None

    def add(self, block: Records) -> None:
        """Count a block."""
        times = times_of(block)
        if self._last is None:
            self._first = self._last = int(times[0])
        self._add_gaps(np.append(self._last, times))
        self._last = int(times[-1])
        for kind, array in block:
            counts = np.bincount(array["instrument"], minlength=len(self._counts))
            counts[: len(self._counts)] += self._counts
            self._counts = counts
            for field in _PRICE_FIELDS[kind]:
                self._add_prices(array, field)

    def inspection(self, problems: tuple[str, ...]) -> Inspection:
        """What was counted."""
        source, found = self._source, self._source.description
        return Inspection(
            path=source.path,
            format=found.format,
            kind=found.kind,
            n_records=int(self._counts.sum()),
            columns=found.columns,
            first_time=self._first,
            last_time=self._last,
            time_zone=found.time_zone,
            is_naive=found.is_naive,
            gaps=tuple(self._gaps),
            instruments=tuple(self._instrument(int(code)) for code in np.flatnonzero(self._counts)),
            problems=problems,
            notes=tuple(source.notes),
            settings=self._settings(found.settings),
        )

    def _add_gaps(self, times: NDArray[np.int64]) -> None:
        steps = np.diff(times)
        longest = np.argsort(-steps, kind="stable")[:N_GAPS]
        found = [Gap(int(times[index]), int(times[index + 1])) for index in longest if steps[index] > 0]
        self._gaps = sorted([*self._gaps, *found], key=lambda gap: (gap.start - gap.end, gap.start))[:N_GAPS]

    def _add_prices(self, array: Array, field: str) -> None:
        for code, divisor in price_divisors(array["instrument"], array[field]).items():
            self._divisors[code] = math.gcd(divisor, self._divisors.get(code, 0))

    def _instrument(self, code: int) -> InstrumentFound:
        own = self._source.settings.price_increment
        definition = self._source.roster.definition(code)
        return InstrumentFound(
            instrument_id=definition.instrument_id,
            n_records=int(self._counts[code]),
            price_increment=price_step(self._divisors[code]) if own is None else definition.price_increment,
            size_increment=definition.size_increment,
        )

    def _settings(self, explicit: FileSettings) -> FileSettings:
        """With the instrument and its size increment, where there is one and the file does not name it."""
        fields = {use.field for use in self._source.description.columns}
        if len(self._counts) != 1 or "instrument" in fields:
            return explicit
        definition = self._source.roster.definition(0)
        step = definition.size_increment / 1e9
        return msgspec.structs.replace(
            explicit, instrument=definition.instrument_id, size_increment=None if step == 1.0 else step
        )
