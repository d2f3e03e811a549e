"""Where each field name stands: every record kind, the frame header, the envelope, every payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, get_type_hints

from msgspec import inspect

from bus.envelope import Cause, Event
from bus.frames import Header
from bus.records import KINDS
from bus.topics import TOPICS


class Use(NamedTuple):
    """One place where a name stands."""

    name: str
    where: str
    """Record kind, message type, ``envelope``, ``cause`` or ``frame header``."""
    type: str
    layout: str
    """NumPy's notation in a record, else the type; with ``null`` where that is allowed."""


def uses() -> Iterator[Use]:
    """Every field of everything that travels."""
    for kind, dtype in KINDS.items():
        for name in dtype.names or ():
            base, shape = dtype[name].subdtype or (dtype[name], ())
            yield Use(name, kind, _record_type(base.kind), base.str + "".join(f"[{n}]" for n in shape))
    for name, hint in get_type_hints(Header).items():
        yield Use(name, "frame header", _type(inspect.type_info(hint)), "integer")
    yield from _struct_uses(Event[Any], "envelope")
    yield from _struct_uses(Cause, "cause")
    for topic in TOPICS.values():
        if topic.payload is not None:
            yield from _struct_uses(topic.payload, topic.name)


def _struct_uses(struct: Any, where: str) -> Iterator[Use]:
    information = inspect.type_info(struct)
    if not isinstance(information, inspect.StructType):
        message = f"`{where}`: expected a struct, got {struct!r}"
        raise TypeError(message)
    for field in information.fields:
        kind = _type(field.type)
        null = " or null" if _may_be_null(field.type) else ""
        yield Use(field.name, where, kind, kind + null)


def _record_type(letter: str) -> str:
    return {"u": "integer", "i": "integer", "S": "text"}[letter]


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _type(kind.type)
        case inspect.UnionType():
            return " or ".join(sorted({_type(part) for part in kind.types if not _is_null(part)}))
        case inspect.StructType():
            return kind.cls.__name__.lower()
        case inspect.LiteralType():
            return "text"
    return _NAMES[type(kind)]


_NAMES: Final[dict[type[inspect.Type], str]] = {
    inspect.AnyType: "payload",
    inspect.BoolType: "boolean",
    inspect.BytesType: "bytes",
    inspect.DictType: "table",
    inspect.EnumType: "text",
    inspect.FloatType: "number",
    inspect.IntType: "integer",
    inspect.ListType: "list",
    inspect.StrType: "text",
    inspect.VarTupleType: "list",
}


def _is_null(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType)


def _may_be_null(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.UnionType) and any(map(_is_null, kind.types))
