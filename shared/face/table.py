"""Tables in requests: a list of rows, or a column for each field, read into arrays a piece at a time.

A piece is cut where a row or an element surely ends, so that decoding a few megabytes never keeps the event
loop from its other work for more than about a millisecond. Rows are flat and hold numbers alone: in a list
that is right, every closing brace ends a row, and one that is wrong is refused whichever way it was cut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from types import GenericAlias
from typing import Any, Final, get_type_hints

import msgspec
import numpy as np

from shared.constraints import Array
from shared.errors import ConstraintError
from shared.face.answers import FieldProblem
from shared.face.aside import decode_long
from shared.face.diagnosis import explain, shown
from shared.face.problem import ProblemError
from shared.face.turns import turn
from shared.setting_types import bare, members

MOST_ROWS: Final = 200_000
"""Rows of a table in a request."""

MISSING: Final = -128
"""Stands for a side, or another small choice, that a row does not tell; a number that it does not is NaN."""

_PIECE: Final = 65_536
"""Bytes that are decoded at a time."""

_WHOLE: Final = np.dtype(np.int64)
_NUMBER: Final = np.dtype(np.float64)
_CHOICE: Final = np.dtype(np.int8)


class Table(msgspec.Struct, frozen=True):
    """Columns of equal length, and how they stood in the request."""

    name: str
    columns: Mapping[str, Array]
    by_row: bool

    def __getitem__(self, column: str) -> Array:
        """One column."""
        return self.columns[column]

    def __len__(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.columns.values())))

    def problem(self, column: str, index: int, expected: str) -> ProblemError:
        """What is wrong with one value."""
        where = f"{self.name}[{index}].{column}" if self.by_row else f"{self.name}.{column}[{index}]"
        value = self.columns[column][index]
        is_missing = value == MISSING if value.dtype == _CHOICE else value != value
        found = "nothing" if is_missing else shown(value.item())
        return ProblemError.of_values(FieldProblem(field=where, expected=expected, found=found, index=index))

    def check(self, column: str, constraint: Callable[[str, Array], None]) -> None:
        """Hold a column to a constraint of `shared.constraints`.

        Raises:
            ProblemError: a value violates it.
        """
        try:
            constraint(column, self.columns[column])
        except ConstraintError as error:
            raise self.problem(column, error.index or 0, error.expected) from error


def no_table() -> msgspec.Raw:
    """Default of a table that need not be sent; a function, for a schema cannot show it."""
    return msgspec.Raw(b"")


async def read_table(raw: msgspec.Raw, name: str, row: type[msgspec.Struct]) -> Table:
    """The table at a place of a request.

    Args:
        raw: its JSON.
        name: field of the request.
        row: struct of a row: whole numbers within 64 bits, and numbers or a choice of small whole numbers,
            which may be missing.

    Raises:
        ProblemError: it is none, has no rows, too many, or columns of different lengths.
    """
    by_row = bytes(memoryview(raw)[:1]) == b"["
    columns = await (_from_rows(raw, name, row) if by_row else _from_columns(raw, name, row))
    lengths = {column: len(array) for column, array in columns.items()}
    (first, n_rows), *others = lengths.items()
    for column, length in others:
        if length != n_rows:
            raise _refused(f"{name}.{column}", f"{n_rows} elements like `{first}`", str(length))
    if n_rows == 0:
        raise _refused(name, f"1 to {MOST_ROWS} rows", "0")
    return Table(name, columns, by_row)


async def _from_rows(raw: msgspec.Raw, name: str, row: type[msgspec.Struct]) -> dict[str, Array]:
    kinds = _columns_of(row)
    parts: dict[str, list[Array]] = {column: [] for column in kinds}
    async for rows in _pieces(raw, row, b"}", name):
        for column, kind in kinds.items():
            parts[column].append(_column([getattr(item, column) for item in rows], kind))
    return {column: np.concatenate([_column([], kinds[column]), *arrays]) for column, arrays in parts.items()}


async def _from_columns(raw: msgspec.Raw, name: str, row: type[msgspec.Struct]) -> dict[str, Array]:
    kinds, table = _columns_of(row), _table_of(row)
    try:
        given = decode_long(bytes(raw), table)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ProblemError.of_values(explain(error, raw, table, name)) from error
    columns: dict[str, Array] = {}
    for column, kind in kinds.items():
        part = getattr(given, column)
        if len(memoryview(part)):
            where = f"{name}.{column}"
            pieces = _pieces(part, kind, b",", where)
            parts = [_column(values, kind) async for values in pieces]
            columns[column] = np.concatenate([_column([], kind), *parts])
    length = len(next(iter(columns.values())))
    return {
        column: columns[column] if column in columns else _column([None] * length, kind)
        for column, kind in kinds.items()
    }


async def _pieces(raw: msgspec.Raw, kind: Any, end: bytes, name: str) -> AsyncIterator[list[Any]]:
    """Elements of a list, a piece at a time."""
    several: Any = GenericAlias(list, (kind,))
    decoder = msgspec.json.Decoder(several)
    n_elements = 0
    for piece in _cut(bytes(raw), end):
        try:
            elements = decoder.decode(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError.of_values(explain(error, piece, several, name, n_elements)) from error
        if n_elements and not elements:
            raise _refused(name, "JSON", "a comma behind the last element")
        n_elements += len(elements)
        if n_elements > MOST_ROWS:
            raise _refused(name, f"1 to {MOST_ROWS} rows", "more")
        yield elements
        await turn()


def _cut(text: bytes, end: bytes) -> Iterator[bytes]:
    """A list of JSON as several shorter ones, cut behind a mark that ends an element."""
    start, begin = 0, b""
    while True:
        place = text.find(end, start + _PIECE)
        comma = place if end == b"," else text.find(b",", place) if place >= 0 else -1
        if place < 0 or comma < 0:
            yield begin + text[start:]
            return
        yield begin + text[start:comma] + b"]"
        start, begin = comma + 1, b"["


@cache
def _table_of(row: type[msgspec.Struct]) -> type[Any]:
    """A struct with a column for each field of a row."""
    fields = msgspec.structs.fields(row)
    missing = msgspec.Raw(b"")
    columns = [(one.name, msgspec.Raw, *(() if one.required else (missing,))) for one in fields]
    return msgspec.defstruct(row.__name__, columns, forbid_unknown_fields=True)


@cache
def _columns_of(row: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(row, include_extras=True)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(row)}


def _column(values: list[Any], kind: Any) -> Array:
    """An array of a column's values."""
    dtype = _dtype(kind)
    if dtype is _CHOICE:
        values = [MISSING if value is None else value for value in values]
    return np.array(values, dtype)  # of what is missing, NumPy makes NaN


def _dtype(kind: Any) -> np.dtype[Any]:
    """What the array of a column holds: whole numbers, numbers, or one of a few small whole numbers."""
    inner = {bare(member) for member in members(kind)} - {type(None)}
    return _WHOLE if inner == {int} else _NUMBER if inner == {float} else _CHOICE


def _refused(field: str, expected: str, found: str) -> ProblemError:
    return ProblemError.of_values(FieldProblem(field=field, expected=expected, found=found))
