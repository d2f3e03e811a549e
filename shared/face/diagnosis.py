"""Why a document was refused: which value, what was expected of it, and what was found.

The decoder says where it stopped; the value itself and the wording are looked up here, after the fact, so
that documents that are right cost nothing more.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, get_type_hints

import msgspec

from shared.face.answers import FieldProblem
from shared.setting_types import item_type, struct_of, table_value_type, type_text

Path = tuple[str | int, ...]
"""Keys and places that lead to a value."""

MOST_SHOWN: Final = 60
"""Characters of a value that are shown."""

LONGEST: Final = 1_048_576
"""Bytes of a document that is read again to find the value at fault."""

_WHERE: Final = re.compile(r"(?P<text>.*?)(?: - at (?:`key` in )?`(?P<path>\$.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]")
_EXPECTED: Final = re.compile(r"Expected (?P<expected>.*?)(?:, got (?P<found>.*))?", re.DOTALL)
_FIELD: Final = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`")
_NOTHING: Final = object()


def explain(
    error: Exception, data: bytes | msgspec.Raw, kind: Any, prefix: str = "", shift: int = 0
) -> FieldProblem:
    """What is wrong with a document that could not be decoded.

    Args:
        error: what the decoder raised.
        data: the document.
        kind: the type it should have had.
        prefix: path of the document in the request.
        shift: number of its first element, if it is a piece of a longer list.

    >>> kind = dict[str, int]
    >>> data = b'{"a": 1.5}'
    >>> try:
    ...     msgspec.json.decode(data, type=kind)
    ... except msgspec.ValidationError as error:
    ...     explain(error, data, kind).expected
    'whole number'
    """
    if isinstance(error, msgspec.ValidationError):
        return _invalid(str(error), data, kind, prefix, shift)
    if isinstance(error, RecursionError):
        return FieldProblem(field=prefix or "body", expected="a document less deep", found="too many levels")
    return _not_finite(data, prefix, shift) or FieldProblem(
        field=prefix or "body", expected="JSON", found=_malformed(str(error), data)
    )


def shown(value: Any) -> str:
    """A value of a document, for a message.

    >>> shown({"price": 1.5})
    '{"price": 1.5}'
    """
    text = value.word if isinstance(value, _Word) else json.dumps(value, ensure_ascii=False, default=_word_of)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def name_of(prefix: str, path: Path, shift: int = 0) -> tuple[str, int | None]:
    """Path of a value as text, and the number of its row.

    >>> name_of("trades", (3, "price"), 800)
    ('trades[803].price', 803)
    """
    text, index = prefix, None
    for depth, step in enumerate(path):
        if isinstance(step, int):
            index = step + shift if depth == 0 else step
            text += f"[{index}]"
        else:
            text += f".{step}" if text else step
    return text or "body", index


def _invalid(message: str, data: bytes | msgspec.Raw, kind: Any, prefix: str, shift: int) -> FieldProblem:
    found = _WHERE.fullmatch(message)
    text, where = (found["text"], found["path"]) if found else (message, None)
    path = _steps(where or "$")
    if field := _FIELD.fullmatch(text):
        return _wrong_field(field["what"], field["name"], path, kind, prefix, shift)
    path, value = _walk(data, path, kind)
    name, index = name_of(prefix, path, shift)
    parts = _EXPECTED.fullmatch(text)
    expected = _told(_type_at(kind, path)) or (parts["expected"] if parts else text[:1].lower() + text[1:])
    got = (parts["found"] if parts else None) or "a value that is none"
    return FieldProblem(
        field=name, expected=expected, found=got if value is _NOTHING else shown(value), index=index
    )


def _wrong_field(what: str, key: str, path: Path, kind: Any, prefix: str, shift: int) -> FieldProblem:
    name, index = name_of(prefix, (*path, key), shift)
    struct = struct_of(_type_at(kind, path))
    known = _fields(struct) if struct else {}
    if what == "missing required":
        return FieldProblem(
            field=name, expected=_told(known.get(key)) or "a value", found="nothing", index=index
        )
    names = ", ".join(f"`{field}`" for field in known)
    return FieldProblem(field=name, expected=f"a field of {names}", found=f"`{key}`", index=index)


def _steps(where: str) -> Path:
    """Keys and places of a path; one of a free key is left out, for the decoder does not tell it."""
    return tuple(
        step["key"] if step["index"] is None else int(step["index"]) for step in _STEP.finditer(where)
    )


def _walk(data: bytes | msgspec.Raw, path: Path, kind: Any) -> tuple[Path, Any]:
    """The path as far as it leads, and the value there.

    Where the decoder does not say under which free key a value stands, the first of the wrong type is it.
    """
    value = _read(data)
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return path, _NOTHING
    inner = table_value_type(_type_at(kind, path)) if isinstance(value, dict) else None
    if inner is not None:
        for key, member in value.items():
            try:
                msgspec.convert(member, inner)
            except msgspec.ValidationError:
                return (*path, key), member
    return path, value


def _type_at(kind: Any, path: Path) -> Any:
    """Declared type of the value at a path, None where it cannot be told."""
    for step in path:
        if kind is None:
            return None
        struct = struct_of(kind) if isinstance(step, str) else None
        if isinstance(step, int):
            kind = item_type(kind)
        else:
            kind = _fields(struct).get(step) if struct else table_value_type(kind)
    return kind


def _fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Types of a struct's fields with their annotations, by the names they have in a document."""
    hints = get_type_hints(struct, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(struct)}


def _told(kind: Any) -> str | None:
    return None if kind in (None, Any, msgspec.Raw) else type_text(kind)


class _Word:
    """A word of a document that stands for no number: ``NaN``, ``-Infinity``, ``1e999``."""

    def __init__(self, word: str) -> None:
        self.word = word


def _word_of(value: Any) -> str:
    return value.word if isinstance(value, _Word) else type(value).__name__


def _number(word: str) -> float | _Word:
    number = float(word)
    return number if math.isfinite(number) else _Word(word)


def _read(data: bytes | msgspec.Raw) -> Any:
    """Plain content of a document, with words where it has numbers that are none."""
    raw = bytes(data)
    if len(raw) > LONGEST:
        return _NOTHING
    try:
        return json.loads(raw, parse_constant=_Word, parse_float=_number)
    except (ValueError, RecursionError):
        return _NOTHING


def _not_finite(data: bytes | msgspec.Raw, prefix: str, shift: int) -> FieldProblem | None:
    """The first number of a document that is none; JSON has no words for such."""
    found = _first_word(_read(data), ())
    if found is None:
        return None
    name, index = name_of(prefix, found[0], shift)
    return FieldProblem(field=name, expected="a finite number", found=found[1].word, index=index)


def _first_word(value: Any, path: Path) -> tuple[Path, _Word] | None:
    if isinstance(value, _Word):
        return path, value
    members = enumerate(value) if isinstance(value, list) else ()
    for key, member in value.items() if isinstance(value, dict) else members:
        found = _first_word(member, (*path, key))
        if found is not None:
            return found
    return None


def _malformed(message: str, data: bytes | msgspec.Raw) -> str:
    if not bytes(data).strip():
        return "an empty body"
    return message.removeprefix("JSON is malformed: ")
