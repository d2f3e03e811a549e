"""CSV files, plain or compressed: read a block of text at a time, never whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as arrow_csv

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.settings import Format
from services.marketdata.adapter.streams import broken_stream, unpacked
from services.marketdata.adapter.tables import TableSource, names_of
from shared.errors import DataError

BLOCK_BYTES: Final = 4 << 20
"""Bytes of text that are read at a time."""

_DELIMITERS: Final = ",;\t|"
_LONGEST_LINE: Final = 65_536

_TEXT_FIELDS: Final = ("instrument", "aggressor_side", "buyer_is_maker")
_VALUE: Final = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\S+): (?:invalid value )?(.*)",
    re.DOTALL,
)
_SHAPE: Final = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")
_WORD: Final = pa.dictionary(pa.int32(), pa.string())


class CsvSource(TableSource):
    """A CSV file. Its types are guessed from the first block, and only of times and numbers matter."""

    format: Format = "csv"
    types_bind = False
    _names: tuple[str, ...] = ()
    _delimiter: str | None = None

    def schema(self) -> pa.Schema:
        """Columns of the header line, or those of the settings, with the types of the first block."""
        with self._open_file() as file:
            reader = self._reader(file, arrow_csv.ConvertOptions())
            schema: pa.Schema = reader.schema
        self._names = tuple(names_of(self.path, schema))
        if not self.settings.column_names and all(map(_is_number, self._names)):
            raise fault(
                self.path,
                "a header line with the names of the columns",
                ", ".join(f"`{name}`" for name in self._names),
                "Set `marketdata.column_names` to the names, in order.",
            )
        return schema

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read these columns from the beginning, a block of text at a time."""
        size = max(Path(self.path).stat().st_size, 1)
        options = arrow_csv.ConvertOptions(
            column_types={name: self._type(name) for name in columns}, include_columns=list(columns)
        )
        with self._open_file() as file:
            reader = self._reader(file, options)
            while (batch := self._next(reader)) is not None:
                self.progress = min(file.tell() / size, 1.0)
                yield batch
        self.progress = 1.0

    def _type(self, name: str) -> pa.DataType:
        """What a column is read as: times as text unless they are numbers, words by their distinct values."""
        layout = self.layout
        if name in layout.ts_event or name == layout.ts_init:
            kind = self._schema.field(name).type
            return kind if pa.types.is_integer(kind) or pa.types.is_floating(kind) else pa.string()
        words = {layout.columns.get(field) for field in _TEXT_FIELDS}
        return _WORD if name in words else pa.float64()

    def _open_file(self) -> pa.NativeFile:
        return pa.OSFile(self.path)

    def _reader(self, file: pa.NativeFile, options: arrow_csv.ConvertOptions) -> Any:
        names = list(self.settings.column_names) or None
        read = arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names)
        parse = arrow_csv.ParseOptions(delimiter=self.settings.delimiter or self._found_delimiter())
        try:
            return arrow_csv.open_csv(unpacked(file), read, parse, options)
        except (pa.ArrowException, OSError) as error:
            raise self._fault(error) from error

    def _found_delimiter(self) -> str:
        """The delimiter of the first line: the most frequent of those in use, a comma if there is none."""
        if self._delimiter is None:
            try:
                with self._open_file() as file:
                    first = unpacked(file).read(_LONGEST_LINE).partition(b"\n")[0].decode(errors="replace")
            except (pa.ArrowException, OSError) as error:
                raise self._fault(error) from error
            self._delimiter = max(_DELIMITERS, key=first.count)
        return self._delimiter

    def _fault(self, error: Exception) -> DataError:
        return explained(self.path, self._names, error, has_header=not self.settings.column_names)

    def _next(self, reader: Any) -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except (pa.ArrowException, OSError) as error:
            raise self._fault(error) from error


def explained(path: str, names: Sequence[str], error: Exception, *, has_header: bool) -> DataError:
    """What the reader of CSV complains of, in our form; it counts a header line as a row."""
    text = str(error)
    if found := _VALUE.search(text):
        name = names[int(found[1])] if int(found[1]) < len(names) else f"#{found[1]}"
        kind = "a number" if found[3] in ("double", "int64") else f"a value of type {found[3]}"
        row = _row(found[2], has_header)
        return fault(path, kind, found[4], "Mend or remove the row.", row=row, column=name)
    if found := _SHAPE.search(text):
        advice = "Mend the row, or set `marketdata.delimiter`."
        return fault(path, f"{found[2]} columns", found[3], advice, row=_row(found[1], has_header))
    if not isinstance(error, pa.ArrowException):
        return broken_stream(path, error)
    return fault(path, "a CSV file", text.splitlines()[0].rstrip("."), "Is this the right file?")


def _row(line: str | None, has_header: bool) -> int | None:
    return None if line is None else int(line) - has_header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
