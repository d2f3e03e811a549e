"""Long tables of a document, set aside before it is decoded, so that no decoder walks over them at one go.

A table holds numbers alone, so a list of rows ends with the first closing bracket, and a table of columns, or
a row, with the first closing brace. Where that is not so, what remains is no JSON, and the document is
decoded whole after all: slowly, and with all that is to be said about it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from shared.setting_types import bare

T = TypeVar("T")

LONG: Final = 65_536
"""Bytes from which a document has long tables."""

_TRIES: Final = 8
"""Places at which a name is looked at; a document that has it more often is decoded whole."""

_BEGIN: Final = re.compile(rb"\s*:\s*(?=([\[{]))")
_ENDS: Final = {b"[": b"]", b"{": b"}"}
_NOTHING: Final = b"null"


def decode_long(data: bytes, kind: type[T]) -> T:
    """A JSON document of a type, some fields of which stay as they are, as `msgspec.Raw`.

    Raises:
        DecodeError: it is none.

    >>> class Request(msgspec.Struct):
    ...     rows: msgspec.Raw
    >>> bytes(decode_long(b'{"rows": [1, 2]}', Request).rows)
    b'[1, 2]'
    """
    any_kind: Any = kind
    rest, tables = set_aside(data, _raw_fields(any_kind)) if len(data) >= LONG else (data, {})
    try:
        found: Any = msgspec.json.decode(rest, type=kind)
    except msgspec.DecodeError:
        if not tables:
            raise
        return msgspec.json.decode(data, type=kind)
    unsaid = {name for name in tables if bytes(getattr(found, name)) == _NOTHING}
    changes = {name: msgspec.Raw(table) for name, table in tables.items() if name in unsaid}
    whole: T = msgspec.structs.replace(found, **changes) if changes else found
    return whole


def set_aside(data: bytes, names: tuple[str, ...]) -> tuple[bytes, dict[str, bytes]]:
    """A document with null in the place of its long tables, and these by their names.

    >>> set_aside(b'{"a": 1, "rows": [[5]]}', ("rows",))
    (b'{"a": 1, "rows": null]}', {'rows': b'[[5]'})
    """
    tables: dict[str, bytes] = {}
    for name in names:
        begin = _begin(data, b'"%b"' % name.encode())
        end = -1 if begin < 0 else data.find(_ENDS[data[begin : begin + 1]], begin)
        if end >= 0:
            tables[name] = data[begin : end + 1]
            data = data[:begin] + _NOTHING + data[end + 1 :]
    return data, tables


def _begin(data: bytes, key: bytes) -> int:
    """Where the table under a key begins, -1 if there is none in the first few places of that name.

    A name in quotes with a colon behind it is a key: within a text, quotes do not stand alone.
    """
    place = -1
    for _ in range(_TRIES):
        place = data.find(key, place + 1)
        if place < 0:
            return -1
        found = _BEGIN.match(data, place + len(key))
        if found is not None:
            return found.end()
    return -1


@cache
def _raw_fields(kind: Any) -> tuple[str, ...]:
    """Names of a struct's fields that are not decoded."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return ()
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        field.name for field in msgspec.structs.fields(kind) if bare(hints[field.name]) is msgspec.Raw
    )
