"""Where settings come from: a TOML file, environment variables, flags; each becomes a tree of values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from shared.setting_types import Text

PREFIX: Final = "KNOTMETER_"
"""Beginning of every variable of the project; those with ``__`` are settings of an engine."""

_KEY: Final = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEYS: Final = re.compile(rf"\s*{_KEY}(?:\s*\.\s*{_KEY})*\s*")
_TABLE: Final = re.compile(rf"\s*\[\[?({_KEYS.pattern})\]\]?\s*(?:#.*)?")

Keys = tuple[str, ...]
"""Path of a setting, the engine first."""


class Layer(NamedTuple):
    """Settings from one place, and how to say where one of them stands."""

    tree: Mapping[str, Any]
    origin: Callable[[Keys], str]


def from_file(file: Path | None, problems: list[str]) -> list[Layer]:
    """The tables of a settings file; what is wrong with the file itself is added to ``problems``."""
    if file is None:
        return []
    try:
        text = file.read_text("utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        problems.append(f"`{file}`: expected a settings file that can be read, found: {error.strerror}")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"`{file}`: expected TOML, found: {error}")
    else:
        lines = _line_numbers(text)
        return [Layer(tree, lambda keys: _in_file(file, lines, keys))]
    return []


def from_environment(environment: Mapping[str, str], problems: list[str]) -> list[Layer]:
    """Settings among environment variables; malformed names are added to ``problems``."""
    layers = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or "__" not in name.removeprefix(PREFIX):
            continue
        keys = name.removeprefix(PREFIX).lower().split("__")
        if all(keys):
            layers.append(_single(keys, environment[name], f"environment variable `{name}`"))
        else:
            problems.append(f"`{name}`: expected a variable `{PREFIX}<ENGINE>__<KEY>`, found an empty part")
    return layers


def from_flags(flags: Sequence[str], problems: list[str]) -> list[Layer]:
    """Settings given as ``engine.key=value``; malformed ones are added to ``problems``."""
    layers = []
    for flag in flags:
        name, equals, text = flag.partition("=")
        keys = split_keys(name)
        if equals and len(keys) > 1:
            layers.append(_single(keys, text, f"flag `{flag}`"))
        else:
            problems.append(f"flag `{flag}`: expected `engine.key=value`, found {flag!r}")
    return layers


def _single(keys: Sequence[str], text: str, origin: str) -> Layer:
    tree: Any = Text(text)
    for key in reversed(keys):
        tree = {key: tree}
    return Layer(tree, lambda _: origin)


def split_keys(text: str) -> list[str]:
    """Parts of a dotted key, quoted where a part has dots itself; empty if it is no key.

    >>> split_keys('marketdata.instruments."ES.XCME".currency')
    ['marketdata', 'instruments', 'ES.XCME', 'currency']
    """
    if not _KEYS.fullmatch(text):
        return []
    return [part.strip("\"'") for part in re.findall(_KEY, text)]


def dotted(keys: Keys) -> str:
    """A path as one dotted key; the inverse of `split_keys`."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"' for key in keys)


def _line_numbers(text: str) -> dict[Keys, int]:
    lines: dict[Keys, int] = {}
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.fullmatch(line)
        if header:
            table = split_keys(header[1])
            lines.setdefault(tuple(table), number)
        elif keys := split_keys(line.partition("=")[0]):
            lines.setdefault((*table, *keys), number)
    return lines


def _in_file(file: Path, lines: Mapping[Keys, int], keys: Keys) -> str:
    for length in range(len(keys), 0, -1):
        if keys[:length] in lines:
            return f"`{file}`, line {lines[keys[:length]]}"
    return f"`{file}`"
