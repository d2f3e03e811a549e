"""Settings of every engine: flag over environment over file over default, frozen once loaded.

An engine's settings are a frozen `msgspec.Struct`. A setting is named ``engine.key`` on the command line and
in TOML, and ``KNOTMETER_ENGINE__KEY`` in the environment, where names are lower-cased; further dots or double
underscores lead into tables. A wrong setting is never ignored, not even one that a stronger source overrides:
all of them are named at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from shared.errors import KnotmeterError, SettingsError
from shared.setting_listing import Setting, as_plain, as_toml, default_of, describe, field_types
from shared.setting_sources import PREFIX, Keys, Layer, dotted, from_environment, from_file, from_flags
from shared.setting_types import (
    Text,
    accepts,
    candidates,
    item_type,
    struct_of,
    structure,
    table_value_type,
    type_text,
)

__all__ = ["Setting", "as_plain", "as_toml", "describe", "load"]

_WRONG: Final = object()


def load(
    types: Mapping[str, type[msgspec.Struct]],
    *,
    flags: Sequence[str] = (),
    environment: Mapping[str, str],
    file: Path | None = None,
) -> dict[str, msgspec.Struct]:
    """Settings of these engines, checked.

    Args:
        types: settings type of every engine that a setting may name.
        flags: ``engine.key=value`` each; the last of two wins.
        environment: variables; only ``KNOTMETER_<ENGINE>__<KEY>`` are looked at.
        file: TOML with a table for each engine.

    Raises:
        SettingsError: something is wrong; every wrong setting is named with its origin.

    >>> class Config(msgspec.Struct, frozen=True):
    ...     n_buckets: int = 50
    >>> load({"vpin": Config}, environment={"KNOTMETER_VPIN__N_BUCKETS": "20"})
    {'vpin': Config(n_buckets=20)}
    """
    reader = _Reader(types)
    layers = [
        *from_file(file, reader.problems),
        *from_environment(environment, reader.problems),
        *from_flags(flags, reader.problems),
    ]
    trees: dict[str, Any] = {engine: _table_defaults(kind) for engine, kind in types.items()}
    for layer in layers:
        _merge(trees, reader.read(layer))
    settings = {engine: reader.build(engine, trees[engine]) for engine in types}
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


class _Reader:
    """Holds layers of settings against their types and collects what is wrong."""

    def __init__(self, types: Mapping[str, type[msgspec.Struct]]) -> None:
        self.problems: list[str] = []
        self._types = types
        self._wrong: set[Keys] = set()
        self._origin: Callable[[Keys], str] = dotted

    def read(self, layer: Layer) -> dict[str, Any]:
        """The right part of a layer, its texts turned into plain values."""
        self._origin = layer.origin
        return self._fields(layer.tree, dict(self._types), (), "an engine")

    def build(self, engine: str, tree: Mapping[str, Any]) -> Any:
        """The settings struct of an engine, None if anything is wrong."""
        kind = self._types[engine]
        missing = [keys for keys in _missing(kind, tree, (engine,)) if keys not in self._wrong]
        self.problems += [_missing_text(keys) for keys in missing]
        if missing or any(keys[0] == engine for keys in self._wrong):
            return None
        try:
            return msgspec.convert(tree, kind)
        except (msgspec.ValidationError, KnotmeterError) as error:
            self.problems.append(f"`{engine}`: {error}")
            return None

    def _fields(
        self, tree: Mapping[str, Any], known: Mapping[str, Any], keys: Keys, what: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in tree.items():
            if key not in known:
                self._refuse((*keys, key), what, f"`{key}`", _nearest(key, known, keys))
                continue
            plain = self._value(value, known[key], (*keys, key))
            if plain is not _WRONG:
                found[key] = plain
        return found

    def _value(self, value: Any, kind: Any, keys: Keys) -> Any:
        struct, free = struct_of(kind), table_value_type(kind)
        if isinstance(value, Text):
            parsed = structure(value, kind)
            return self._leaf(value, kind, keys) if parsed is None else self._value(parsed, kind, keys)
        if isinstance(value, dict) and struct is not None:
            return self._fields(value, field_types(struct), keys, f"a setting of `{dotted(keys)}`")
        if isinstance(value, dict) and free is not None:
            return self._fields(value, dict.fromkeys(value, free), keys, "a key")
        if isinstance(value, list) and (item := item_type(kind)) is not None:
            items = [self._value(part, item, (*keys, str(n))) for n, part in enumerate(value)]
            if any(part is _WRONG for part in items):
                return _WRONG
            return items if struct_of(item) is not None else self._leaf(items, kind, keys)
        return self._leaf(value, kind, keys)

    def _leaf(self, value: Any, kind: Any, keys: Keys) -> Any:
        choices: Iterable[Any] = (None, value) if value == "null" else (value,)
        if isinstance(value, Text):
            choices = candidates(value)
        for choice in choices:
            if accepts(choice, kind):
                return choice
        self._refuse(keys, type_text(kind), _shown(value))
        return _WRONG

    def _refuse(self, keys: Keys, expected: str, found: str, hint: str = "") -> None:
        self._wrong.add(keys)
        self.problems.append(
            f"`{dotted(keys)}` ({self._origin(keys)}): expected {expected}, found {found}{hint}"
        )


def _merge(tree: dict[str, Any], stronger: Mapping[str, Any]) -> None:
    for key, value in stronger.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


def _table_defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Defaults that are tables, so that setting one key of a table leaves the others."""
    found = {}
    for field in msgspec.structs.fields(kind):
        default = default_of(field)
        if isinstance(default, msgspec.Struct | dict):
            found[field.name] = msgspec.to_builtins(default)
    return found


def _missing(kind: type[msgspec.Struct], tree: Mapping[str, Any], keys: Keys) -> list[Keys]:
    found: list[Keys] = []
    for field in msgspec.structs.fields(kind):
        nested = struct_of(field.type)
        if field.name not in tree:
            found += [(*keys, field.name)] if field.required else []
        elif nested is not None and isinstance(tree[field.name], dict):
            found += _missing(nested, tree[field.name], (*keys, field.name))
    return found


def _missing_text(keys: Keys) -> str:
    variable = PREFIX + "__".join(keys).upper()
    return (
        f"`{dotted(keys)}`: required and not set; give the flag `{dotted(keys)}=…`, "
        f"the environment variable `{variable}`, or the key in the settings file"
    )


def _nearest(key: str, known: Mapping[str, Any], keys: Keys) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    names = close or sorted(known)
    shown = ", ".join(f"`{dotted((*keys, name))}`" for name in names)
    return f"; nearest: {shown}" if close else f"; known: {shown or 'none'}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    return repr(str(value)) if isinstance(value, str) else repr(value)
