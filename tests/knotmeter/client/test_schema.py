"""Types from schemas: what an engine declares is what its answers are held against."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from knotmeter.client.schema import Types

TREE = {
    "Tree": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "tree": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}], "default": None},
        },
        "required": ["name"],
    }
}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "integer"}, int),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "number"}}, list[float]),
        ({"type": "array"}, list[Any]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, tuple[int, str]),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, dict[str, bool]),
        ({"type": "object"}, dict[str, Any]),
        ({"enum": [-1, 0, 1]}, Literal[-1, 0, 1]),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, float | None),
        ({"type": "string", "contentEncoding": "base64"}, bytes),
        ({"$ref": "#/components/schemas/Nowhere"}, Any),
        ({"anyOf": [{"type": "array", "items": {}}, {"type": "array", "prefixItems": [{}]}]}, Any),
        ({"type": "something else"}, Any),
        ({}, Any),
    ],
)
def test_a_schema_is_a_type(schema: dict[str, Any], kind: Any) -> None:
    """What cannot be told apart, or is not known, is of any type."""
    assert Types({}).of(schema) == kind


def test_objects_are_structs() -> None:
    """Required fields are required, defaults are kept, names that Python has no room for are changed."""
    schema = {
        "title": "Odd",
        "type": "object",
        "properties": {
            "from": {"type": "integer"},
            "p-value": {"type": "number", "default": 0.5},
            "list": {"type": "array", "items": {"type": "integer"}, "default": []},
            "note": {"type": "string"},
        },
        "required": ["from"],
    }
    decoder = msgspec.json.Decoder(Types({}).of(schema))
    told = decoder.decode(b'{"from": 1, "unknown": true}')
    assert (told.from_, told.p_value, told.list, told.note) == (1, 0.5, [], msgspec.UNSET)
    with pytest.raises(msgspec.ValidationError, match="missing required field `from`"):
        decoder.decode(b"{}")


def test_a_schema_may_hold_itself() -> None:
    """From the second level on it is of any type."""
    kind = Types(TREE).of({"$ref": "#/components/schemas/Tree"})
    tree = msgspec.json.decode(b'{"name": "a", "tree": {"name": "b"}}', type=kind)
    assert (tree.name, tree.tree) == ("a", {"name": "b"})
