"""Long tables are set aside without changing what a document says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.face import aside
from shared.face.aside import decode_long, set_aside


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with two tables."""

    rows: msgspec.Raw
    name: str = ""
    more: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b""))


def decoded(data: bytes, *, long: bool) -> Any:
    """What a document says, or why it is none, as a long one or as any other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aside, "LONG", 0 if long else 1 << 40)
        try:
            found = decode_long(data, Request)
        except msgspec.DecodeError as error:
            return str(error)
    return [found.name, *(bytes(raw) for raw in (found.rows, found.more))]


tables = st.one_of(
    st.lists(st.dictionaries(st.sampled_from(["a", "b"]), st.integers()), max_size=4),
    st.dictionaries(st.sampled_from(["a", "b"]), st.lists(st.integers(), max_size=3)),
    st.none(),
    st.integers(),
    st.lists(st.lists(st.integers(), max_size=2), max_size=2),
    st.text(max_size=5),
)
texts = st.sampled_from(["", "rows", '"rows"', '"rows": [1', "]", "}", 'x"more":{', "\\", '\\"'])


@given(
    content=st.fixed_dictionaries(
        {"rows": tables}, optional={"name": texts, "more": tables, "other": texts, "nested": tables}
    ),
    indent=st.sampled_from([None, 1]),
    order=st.randoms(use_true_random=False),
)
def test_a_long_document_says_what_a_short_one_says(
    content: dict[str, Any], indent: int | None, order: Any
) -> None:
    """Whatever its tables hold, in any order, and with the names of tables within texts; or it is none."""
    keys = list(content)
    order.shuffle(keys)
    data = json.dumps({key: content[key] for key in keys}, indent=indent).encode()

    assert decoded(data, long=True) == decoded(data, long=False)


def is_json(data: bytes) -> bool:
    """Whether bytes are a document."""
    try:
        msgspec.json.decode(data)
    except msgspec.DecodeError:
        return False
    return True


@given(
    place=st.integers(0, 60),
    byte=st.sampled_from(list(b'{}[],:"1 \\x')),
)
def test_a_damaged_document_is_refused_or_says_the_same(place: int, byte: int) -> None:
    """What is no JSON is none either way, but within a table, which is decoded later."""
    data = bytearray(b'{"name": "rows", "rows": [{"a": 1}, {"a": 2}], "more": {"a": [1, 2]}}')
    data[place % len(data)] = byte
    whole, long = decoded(bytes(data), long=False), decoded(bytes(data), long=True)

    assert whole == long or (isinstance(whole, str) and not isinstance(long, str))
    assert whole == long or not all(map(is_json, long[1:]))


def test_a_name_is_looked_for_at_few_places() -> None:
    """A document that repeats it in vain costs no more than one that does not."""
    data = b'{"name": "", "x": [' + b'"rows",' * 100 + b'1], "rows": [1]}'

    assert set_aside(data, ("rows",)) == (data, {})
