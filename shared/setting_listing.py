"""Settings written out: as rows for help texts and tables, as plain tables, as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_type_hints

import msgspec

from shared.setting_sources import Keys, dotted
from shared.setting_types import struct_of, type_text


class Setting(NamedTuple):
    """Declaration of one setting, for help texts and tables."""

    key: str
    type: str
    default: str
    """As it would be written; ``required`` where there is none."""
    description: str


def describe(kind: type[msgspec.Struct]) -> list[Setting]:
    """Every setting of an engine in declared order; tables with fixed keys are opened.

    >>> class Config(msgspec.Struct, frozen=True):
    ...     n_buckets: int = 50
    >>> describe(Config)
    [Setting(key='n_buckets', type='whole number', default='50', description='')]
    """
    return list(_described(kind, (), msgspec.NODEFAULT))


def as_plain(settings: Mapping[str, msgspec.Struct]) -> dict[str, Any]:
    """Effective settings as plain tables, for logs and provenance."""
    return {engine: msgspec.to_builtins(settings[engine]) for engine in sorted(settings)}


def as_toml(settings: Mapping[str, msgspec.Struct]) -> str:
    """Effective settings as a file that gives them back; an empty one is written as ``"null"``.

    >>> class Config(msgspec.Struct, frozen=True):
    ...     n_buckets: int = 50
    >>> print(as_toml({"vpin": Config()}), end="")
    [vpin]
    n_buckets = 50
    """
    return "\n".join(_toml_table((engine,), table) for engine, table in as_plain(settings).items())


def field_types(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Types of a struct's fields with their annotations, by name."""
    hints = get_type_hints(struct, include_extras=True)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(struct)}


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """Default of a field, `msgspec.NODEFAULT` if it is required."""
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _described(kind: type[msgspec.Struct], keys: Keys, table: Any) -> Iterator[Setting]:
    """Settings of a table; ``table`` is its own default where it has one."""
    types = field_types(kind)
    for field in msgspec.structs.fields(kind):
        default = default_of(field) if table is msgspec.NODEFAULT else getattr(table, field.name)
        nested = struct_of(types[field.name])
        if nested is not None and default is not None:
            yield from _described(nested, (*keys, field.name), default)
        else:
            kind_text, about = type_text(types[field.name]), _description(types[field.name])
            yield Setting(dotted((*keys, field.name)), kind_text, _default_text(default), about)


def _description(kind: Any) -> str:
    """Outermost description: the field's own, not its type's."""
    found = [meta.description for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    return next((text for text in reversed(found) if text), "")


def _default_text(default: Any) -> str:
    if default is msgspec.NODEFAULT:
        return "required"
    plain = msgspec.to_builtins(default)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _toml_table(keys: Keys, table: Mapping[str, Any]) -> str:
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    simple = [_toml_pair(key, value) for key, value in table.items() if key not in tables]
    head = "\n".join([f"[{'.'.join(map(_toml_key, keys))}]", *simple, ""])
    return "\n".join([head, *(_toml_table((*keys, key), value) for key, value in tables.items())])


def _toml_pair(key: str, value: Any) -> str:
    return f"{_toml_key(key)} = {_toml_value(value)}"


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if value is None:
        return '"null"'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{" + ", ".join(_toml_pair(key, part) for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)
