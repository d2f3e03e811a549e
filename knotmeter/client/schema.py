"""Types from the schemas of an OpenAPI document: an answer is held against what its engine declares."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Final, Literal

import msgspec

Schema = Mapping[str, Any]

_PLAIN: Final[Mapping[str, Any]] = {
    "boolean": bool,
    "integer": int,
    "null": None,
    "number": float,
    "string": str,
}
_REFERENCE: Final = "#/components/schemas/"


class Types:
    """Types of the schemas that a document names; each is made when it is first asked for.

    Fields that a schema does not name are ignored, as everywhere. What no type here can say is of any type.

    >>> quote = {"title": "Quote", "properties": {"bid": {"type": "number"}}, "required": ["bid"]}
    >>> kind = Types({}).of({"type": "object", **quote})
    >>> msgspec.json.decode(b'{"bid": 4780.25, "more": 1}', type=kind)
    Quote(bid=4780.25)
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._made: dict[str, Any] = {}

    def of(self, schema: Schema) -> Any:
        """Type of what a schema describes."""
        reference = schema.get("$ref")
        if reference is not None:
            return self._named(reference)
        if "anyOf" in schema:
            return _usable(reduce(or_, [self.of(one) for one in schema["anyOf"]]))
        if "enum" in schema:
            return _usable(Literal[tuple(schema["enum"])])
        if schema.get("contentEncoding") == "base64":
            return bytes
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema)
        if kind == "object":
            return self._object(schema)
        return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any

    def _named(self, reference: str) -> Any:
        name = reference.removeprefix(_REFERENCE)
        if name not in self._schemas:
            return Any
        if name not in self._made:
            self._made[name] = Any  # what stands inside itself is of any type
            self._made[name] = self.of({"title": name, **self._schemas[name]})
        return self._made[name]

    def _array(self, schema: Schema) -> Any:
        places = schema.get("prefixItems")
        if places:
            return tuple[tuple(self.of(one) for one in places)]  # type: ignore[misc]
        items = schema.get("items")
        return list[self.of(items)] if isinstance(items, Mapping) else list[Any]  # type: ignore[misc]

    def _object(self, schema: Schema) -> Any:
        if "properties" not in schema:
            values = schema.get("additionalProperties")
            return dict[str, self.of(values) if isinstance(values, Mapping) else Any]  # type: ignore[misc]
        required = frozenset(schema.get("required", ()))
        fields, names = [], {}
        for told, inner in schema["properties"].items():
            name = _identifier(told)
            names[name] = told
            kind = self.of(inner)
            fields.append((name, kind) if told in required else (name, *_optional(kind, inner)))
        return msgspec.defstruct(
            _identifier(schema.get("title", "Answer")),
            fields,
            frozen=True,
            kw_only=True,
            rename=names,
            module=__name__,
            namespace={"__doc__": schema.get("description")},
        )


def _optional(kind: Any, schema: Schema) -> tuple[Any, Any]:
    """Type and default of a field that need not be there."""
    if "default" not in schema:
        return kind | msgspec.UnsetType, msgspec.UNSET
    default = schema["default"]
    if isinstance(default, dict | list):
        return kind, msgspec.field(default_factory=type(default))
    return kind, msgspec.field(default=default)


def _usable(kind: Any) -> Any:
    """The type if the decoder takes it, else any type: not every union can be told apart by its bytes."""
    try:
        msgspec.json.Decoder(kind)
    except TypeError:
        return Any
    return kind


def _identifier(name: str) -> str:
    """A name as Python allows it.

    >>> _identifier("from"), _identifier("p-value")
    ('from_', 'p_value')
    """
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    return f"{plain}_" if keyword.iskeyword(plain) or plain[:1].isdigit() or plain.startswith("_") else plain
