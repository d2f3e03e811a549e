"""Files of rows and named columns: what CSV and Parquet have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from bus.records import Records
from services.marketdata.adapter.bars import bar_step
from services.marketdata.adapter.columns import Layout, find_layout
from services.marketdata.adapter.faults import check_order, fault
from services.marketdata.adapter.fixed_point import SIZE_SCALE, decimals
from services.marketdata.adapter.roster import NO_VENUE, Roster
from services.marketdata.adapter.rows import RowDecoder
from services.marketdata.adapter.settings import FileSettings, Format, Kind
from services.marketdata.adapter.source import ColumnUse, Description, Source
from services.marketdata.adapter.times import TimeReader, time_reader

SIZE_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "trade": ("size",),
    "quote": ("bid_size", "ask_size"),
    "bar": ("volume",),
}


class TableSource(Source):
    """A file of rows. A subclass says its columns and reads batches; the rest is here."""

    format: Format

    def __init__(self, settings: FileSettings) -> None:
        super().__init__(settings, Roster(settings))
        self._schema = self.schema()
        self.layout: Layout = find_layout(self.path, names_of(self.path, self._schema), settings)
        first = next(self.batches(self.layout.used()), None)
        if first is None or not len(first):
            raise fault(self.path, "at least one row", "none", "Is this the right file?")
        self._event_time = time_reader(self.path, first, self.layout.ts_event, settings)
        self._receipt_time = self._receipt_reader(first)
        self._bar_step = 0
        if self.layout.kind == "bar":
            self._bar_step = bar_step(settings, self._event_time.read(first, 1))
        times = (self._event_time, self._receipt_time)
        self._decoder = RowDecoder(settings, self.layout, self.roster, times, self._bar_step)
        self._decoder.codes(first, 1)
        self.has_all_instruments = "instrument" not in self.layout.columns
        self.notes += self._found()

    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names of the columns, and the types that values have in the file or seem to have."""

    @abstractmethod
    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read these columns from the beginning, keeping `progress`."""

    @property
    def description(self) -> Description:
        """What the file was found to be."""
        fields = {name: field for field, name in self.layout.columns.items()}
        fields |= dict.fromkeys(self.layout.ts_event, "ts_event")
        if self.layout.ts_init is not None:
            fields[self.layout.ts_init] = "ts_init"
        uses = (ColumnUse(column.name, str(column.type), fields.get(column.name)) for column in self._schema)
        return Description(
            format=self.format,
            kind=self.layout.kind,
            columns=tuple(uses),
            time_zone=self._event_time.zone,
            is_naive=self._event_time.is_naive,
            settings=self._explicit(),
        )

    def surveyed_increments(self) -> Mapping[str, int]:
        """The power of ten that divides all sizes of each instrument, where they may have decimals."""
        fields = [field for field in SIZE_FIELDS[self.layout.kind] if field in self.layout.columns]
        if self.settings.size_increment is not None or self._whole(fields):
            return {}
        columns = [
            self.layout.columns[field] for field in (*fields, "instrument") if field in self.layout.columns
        ]
        needed = np.zeros(0, np.uint8)
        row = 1
        for batch in self.batches(columns):
            codes = self._decoder.codes(batch, row)
            needed = np.append(needed, np.zeros(len(self.roster.ids) - len(needed), np.uint8))
            for field in fields:
                values = self._decoder.values(batch, field, row) * self._decoder.size_multiplier
                np.maximum.at(needed, codes, decimals(values))
            row += len(batch)
        self.has_all_instruments = True
        return {
            name: SIZE_SCALE // 10 ** int(places)
            for name, places in zip(self.roster.ids, needed, strict=True)
        }

    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning; see `Source.blocks`."""
        row, last = 1, None
        for batch in self.batches(self.layout.used()):
            if not len(batch):
                continue
            records = self._decoder.decode(batch, row)
            check_order(self.path, records["ts_init"], last, row)
            row, last = row + len(batch), int(records["ts_init"][-1])
            yield Records({self.layout.kind: records})

    def _receipt_reader(self, first: pa.RecordBatch) -> TimeReader | None:
        name = self.layout.ts_init
        if name is None or self.layout.ts_event == (name,):
            return None
        return time_reader(self.path, first, (name,), self.settings)

    def _whole(self, fields: Sequence[str]) -> bool:
        """Whether the file's types say that all sizes are whole numbers."""
        types = [self._schema.field(self.layout.columns[field]).type for field in fields]
        multiplier = self._decoder.size_multiplier
        return self.types_bind and multiplier.is_integer() and all(map(pa.types.is_integer, types))

    types_bind = True
    """Whether every value has the type its column has in `schema`, rather than seems to have."""

    def _found(self) -> list[str]:
        notes = []
        if self._event_time.is_naive and self.settings.time_zone is None:
            notes.append(f"Times in {self.path} name no zone; read as UTC (set `marketdata.time_zone`).")
        if self.roster.lacks_venue:
            shown = ", ".join(f"`{name}`" for name in self.roster.ids[:3])
            notes.append(
                f"{self.path} names no venue; its instruments are {shown} with venue {NO_VENUE} "
                "(set `marketdata.instrument` or `marketdata.venue`)."
            )
        if self._bar_step and self.settings.bar_seconds is None:
            notes.append(
                f"Bars in {self.path} are {self._bar_step / 1e9:g} s long, stamped at their "
                f"{self.settings.bar_stamp or 'open'} (set `marketdata.bar_seconds`, `marketdata.bar_stamp`)."
            )
        if self.layout.kind == "bar" and "volume" not in self.layout.columns:
            notes.append(f"Bars in {self.path} have no volume; it is 0.")
        return notes

    def _explicit(self) -> FileSettings:
        columns = dict(self.layout.columns)
        times = self.layout.ts_event
        columns |= {"ts_event": times[0]} if len(times) == 1 else {"date": times[0], "time": times[1]}
        if self.layout.ts_init is not None:
            columns["ts_init"] = self.layout.ts_init
        return msgspec.structs.replace(
            self.settings,
            format=self.format,
            kind=self.layout.kind,
            columns=columns,
            time_zone=self._event_time.zone if self._event_time.is_naive else self.settings.time_zone,
            bar_seconds=self._bar_step / 1e9 if self._bar_step else None,
            bar_stamp=(self.settings.bar_stamp or "open") if self._bar_step else None,
        )


def names_of(path: str, schema: pa.Schema) -> list[str]:
    """Names of a file's columns.

    Raises:
        DataError: a name is no UTF-8 text.
    """
    try:
        return list(schema.names)
    except UnicodeDecodeError as error:
        found = repr(bytes(error.object))
        raise fault(path, "names of columns in UTF-8", found, "Write the file in UTF-8.") from error
