"""Columns of an event table: Arrow types and cells, both derived from the payload's declared type."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import inspect

Cell = Callable[[Any], Any]
"""Turns a value of ``events.jsonl`` into one that Arrow takes."""

TIMESTAMP: Final = pa.timestamp("ns", tz="UTC")

ENVELOPE: Final = {
    "source": pa.string(),
    "sequence": pa.int64(),
    "ts_event": TIMESTAMP,
    "trace": pa.int64(),
}
"""Columns that every event table begins with."""

_SCALARS: Final[Mapping[type, pa.DataType]] = {
    inspect.IntType: pa.int64(),
    inspect.FloatType: pa.float64(),
    inspect.BoolType: pa.bool_(),
    inspect.StrType: pa.string(),
}
_SEQUENCES: Final = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)


class Column(NamedTuple):
    """One column made from a payload's field."""

    name: str
    field: str
    """Name of the field in the payload."""
    type: pa.DataType
    cell: Cell


def payload_columns(payload: type[msgspec.Struct]) -> list[Column]:
    """One column for each field of a payload, in order; a name of the envelope gets ``payload_`` in front."""
    described = inspect.type_info(payload)
    assert isinstance(described, inspect.StructType)
    columns = []
    for field in described.fields:
        name = field.encode_name
        kind, cell = _column(field.type, name)
        columns.append(Column(f"payload_{name}" if name in ENVELOPE else name, name, kind, cell))
    return columns


def schema(columns: Iterable[Column]) -> pa.Schema:
    """Schema of an event table."""
    fields = [*ENVELOPE.items(), *((column.name, column.type) for column in columns)]
    return pa.schema([pa.field(name, kind) for name, kind in fields])


def batch(events: list[dict[str, Any]], columns: list[Column]) -> pa.RecordBatch:
    """Events of one type, as they stand in ``events.jsonl``, as a slice of their table."""
    arrays = [pa.array([event[name] for event in events], kind) for name, kind in ENVELOPE.items()]
    payloads = [event["payload"] for event in events]
    for column in columns:
        values = [payload.get(column.field) for payload in payloads]
        if column.cell is not _same:
            values = [None if value is None else column.cell(value) for value in values]
        arrays.append(pa.array(values, column.type))
    return pa.record_batch(arrays, schema=schema(columns))


def _column(kind: inspect.Type, name: str) -> tuple[pa.DataType, Cell]:
    """Arrow type and cell for a declared type; what has no type of its own becomes JSON text."""
    if isinstance(kind, inspect.Metadata):
        return _column(kind.type, name)
    if isinstance(kind, inspect.UnionType):
        return _optional(kind, name)
    if isinstance(kind, inspect.IntType) and name.startswith("ts_"):
        return TIMESTAMP, _same
    if type(kind) in _SCALARS:
        return _SCALARS[type(kind)], _same
    if isinstance(kind, inspect.BytesType):
        return pa.binary(), base64.b64decode
    if isinstance(kind, inspect.EnumType | inspect.LiteralType):
        return _enumeration(kind)
    if isinstance(kind, _SEQUENCES):
        return _sequence(kind.item_type, name)
    if isinstance(kind, inspect.DictType) and isinstance(kind.key_type, inspect.StrType):
        return _mapping(kind.value_type)
    if isinstance(kind, inspect.StructType) and not kind.array_like and kind.tag is None:
        return _structure(kind)
    return pa.string(), _json


def _optional(kind: inspect.UnionType, name: str) -> tuple[pa.DataType, Cell]:
    others = [other for other in kind.types if not isinstance(other, inspect.NoneType)]
    if len(others) == 1:
        return _column(others[0], name)
    if all(isinstance(other, inspect.IntType | inspect.FloatType) for other in others):
        return pa.float64(), float
    return pa.string(), _json


def _enumeration(kind: inspect.EnumType | inspect.LiteralType) -> tuple[pa.DataType, Cell]:
    values = kind.values if isinstance(kind, inspect.LiteralType) else [member.value for member in kind.cls]
    if all(isinstance(value, str) for value in values):
        return pa.string(), _same
    if all(isinstance(value, int) for value in values):
        return pa.int64(), _same
    return pa.string(), _json


def _sequence(item: inspect.Type, name: str) -> tuple[pa.DataType, Cell]:
    kind, cell = _column(item, name)
    return pa.list_(kind), lambda values: [None if value is None else cell(value) for value in values]


def _mapping(item: inspect.Type) -> tuple[pa.DataType, Cell]:
    kind, cell = _column(item, "")
    return pa.map_(pa.string(), kind), lambda values: [
        (key, None if value is None else cell(value)) for key, value in values.items()
    ]


def _structure(struct: inspect.StructType) -> tuple[pa.DataType, Cell]:
    parts = {field.encode_name: _column(field.type, field.encode_name) for field in struct.fields}

    def cell(values: dict[str, Any]) -> dict[str, Any]:
        found = ((name, values.get(name), part) for name, (_, part) in parts.items())
        return {name: None if value is None else part(value) for name, value, part in found}

    return pa.struct([pa.field(name, kind) for name, (kind, _) in parts.items()]), cell


def _same(value: Any) -> Any:
    return value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
