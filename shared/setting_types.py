"""What a setting's declared type says: how text becomes its value, and how to name it to a person."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from shared.constraints import Check
from shared.errors import KnotmeterError

_WHOLE: Final = re.compile(r"[+-]?\d+")
_LOGICAL: Final = {"true": True, "yes": True, "on": True, "1": True} | dict.fromkeys(
    ("false", "no", "off", "0"), False
)
_LARGEST: Final = 1e308
"""A bound beyond it only keeps infinities out and is not worth telling."""


class Text(str):
    """Value written as plain text, in a flag or a variable; the type of its field decides what it is."""

    __slots__ = ()


def bare(kind: Any) -> Any:
    """The type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def members(kind: Any) -> tuple[Any, ...]:
    """Alternatives of a union, or the type alone."""
    inner = bare(kind)
    return get_args(inner) if get_origin(inner) in (Union, UnionType) else (kind,)


def struct_of(kind: Any) -> type[msgspec.Struct] | None:
    """The one struct type among the alternatives, None if there is none or a choice of several."""
    found = [bare(member) for member in members(kind) if _is_struct(bare(member))]
    return found[0] if len(found) == 1 else None


def table_value_type(kind: Any) -> Any:
    """Type of the values of a table of free keys, None if the type allows no such table."""
    for member in members(kind):
        if get_origin(bare(member)) in (dict, Mapping):
            return get_args(bare(member))[1]
    return None


def item_type(kind: Any) -> Any:
    """Type of the items of a list, None if the type allows no list of one item type."""
    for member in members(kind):
        arguments = get_args(bare(member))
        origin = get_origin(bare(member))
        if origin in (list, set, frozenset, Sequence) or (origin is tuple and arguments[-1:] == (...,)):
            return arguments[0]
    return None


def accepts(value: Any, kind: Any) -> bool:
    """Whether a plain value is one of the type, inside its bounds and through its checks."""
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, KnotmeterError):
        return False
    alternatives = members(kind)
    if len(alternatives) > 1 or alternatives[0] is not kind:
        return any(accepts(value, alternative) for alternative in alternatives)
    return all(check.passes(value) for check in _checks(kind))


def candidates(text: str) -> Iterator[Any]:
    """Plain values that a text may stand for, the narrowest first, the text itself last."""
    word = text.strip()
    if word == "null":
        yield None
    try:
        if _WHOLE.fullmatch(word):
            yield int(word)
        number = float(word)
    except ValueError:
        pass
    else:
        if number.is_integer():
            yield int(number)
        yield number
    if word.lower() in _LOGICAL:
        yield _LOGICAL[word.lower()]
    yield str(text)


def structure(text: str, kind: Any) -> Any:
    """A list or table that a text stands for where the type allows one, else None.

    Lists are JSON or words between commas, tables are JSON.
    """
    word = text.strip()
    wants_list = item_type(kind) is not None
    if (word.startswith("[") and wants_list) or (word.startswith("{") and _wants_table(kind)):
        try:
            return json.loads(word)
        except ValueError:
            return None
    if wants_list and not any(accepts(value, kind) for value in candidates(text)):
        return [Text(part.strip()) for part in text.split(",")] if word else []
    return None


def type_text(kind: Any) -> str:
    """The type in a person's words.

    >>> from typing import Literal
    >>> type_text(Annotated[float, msgspec.Meta(gt=0)] | Literal["adv"])
    'number above 0 or `adv`'
    """
    return _told(inspect.type_info(kind))


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _wants_table(kind: Any) -> bool:
    return struct_of(kind) is not None or table_value_type(kind) is not None


def _checks(kind: Any) -> Iterator[Check]:
    for annotation in getattr(kind, "__metadata__", ()):
        extra = annotation.extra if isinstance(annotation, msgspec.Meta) else None
        if extra and isinstance(extra.get("check"), Check):
            yield extra["check"]


def _told(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            check = (kind.extra or {}).get("check")
            return check.expected if isinstance(check, Check) else _told(kind.type)
        case inspect.UnionType():
            return _joined([word for member in sorted(kind.types, key=_is_none) for word in _words(member)])
        case inspect.IntType():
            return "whole number" + _bounds(kind)
        case inspect.FloatType():
            return "number" + _bounds(kind)
        case inspect.LiteralType() | inspect.EnumType():
            return _joined(_words(kind))
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            return f"list{_length(kind.min_length, kind.max_length)} (each: {_told(kind.item_type)})"
        case inspect.TupleType():
            return f"list of {len(kind.item_types)}: " + ", ".join(map(_told, kind.item_types))
        case inspect.DictType():
            return f"table{_length(kind.min_length, kind.max_length)} (each: {_told(kind.value_type)})"
        case inspect.StrType():
            return f"text{_length(kind.min_length, kind.max_length)}"
    return _SIMPLE.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


_SIMPLE: Final[Mapping[type[inspect.Type], str]] = {
    inspect.AnyType: "anything",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
    inspect.StructType: "table",
}


def _is_none(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType)


def _words(kind: inspect.Type) -> list[str]:
    """Alternatives that a type stands for, one or more."""
    match kind:
        case inspect.LiteralType():
            return [f"`{value}`" for value in kind.values]
        case inspect.EnumType():
            return [f"`{member.value}`" for member in kind.cls]
    return [_told(kind)]


def _joined(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    named = (("above", kind.gt), ("from", kind.ge), ("below", kind.lt), ("to", kind.le))
    return "".join(f" {word} {bound:.15g}" for word, bound in named if _is_worth_telling(bound))


def _length(minimum: int | None, maximum: int | None) -> str:
    named = (("at least", minimum or None), ("at most", maximum))
    words = [f"{word} {bound}" for word, bound in named if bound is not None]
    return f" of {', '.join(words)}" if words else ""


def _is_worth_telling(bound: float | None) -> bool:
    return bound is not None and abs(bound) < _LARGEST
