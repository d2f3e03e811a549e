"""The field dictionary against what really travels."""

from __future__ import annotations

import numpy as np
import pytest

from bus import field_uses
from bus.field_uses import Use, uses
from bus.fields import FIELDS
from bus.topics import TOPICS


def test_every_field_that_travels_is_described() -> None:
    """A record, header, envelope or payload has no field the dictionary does not know."""
    assert sorted({f"{use.where}.{use.name}" for use in uses() if use.name not in FIELDS}) == []


def test_every_described_field_travels() -> None:
    """The dictionary describes nothing that no message has."""
    assert sorted(FIELDS.keys() - {use.name for use in uses()}) == []


def test_one_name_has_one_type() -> None:
    """A name has the dictionary's type in every place where it stands."""
    wrong = [use for use in uses() if use.name in FIELDS and FIELDS[use.name].type != use.type]

    assert wrong == []


def test_every_topic_is_walked() -> None:
    """No record kind or message type escapes the comparison."""
    assert {use.where for use in uses()} == {*TOPICS, "envelope", "cause", "frame header"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_description_is_whole(name: str) -> None:
    """Each field has type, unit, range and a sentence; a time says ns and UTC, a duration seconds."""
    field = FIELDS[name]

    assert all(part == part.strip() and part for part in field)
    assert field.meaning[0].isupper()
    assert field.meaning.endswith(".")
    if name.startswith("ts_"):
        assert field.unit.startswith("ns, UTC")
    if name.endswith("_seconds"):
        assert field.unit == "s"
    if name.startswith("n_"):
        assert (field.type, field.range) == ("integer", ">= 0")


def test_a_new_field_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field added to a record kind or of another type than elsewhere shows up in the walk."""
    changed = {"trade": np.dtype([("price", "S4"), ("venue", "<u2")])}
    monkeypatch.setattr(field_uses, "KINDS", changed)

    found = list(uses())

    assert Use("venue", "trade", "integer", "<u2") in found
    assert Use("price", "trade", "text", "|S4") in found


def test_a_payload_must_be_a_struct() -> None:
    """A topic whose payload is no struct is refused by name."""
    with pytest.raises(TypeError, match="`odd`: expected a struct"):
        list(field_uses._struct_uses(int, "odd"))
