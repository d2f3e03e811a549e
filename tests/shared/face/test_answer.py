"""The form of an answer, and long ones."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.face.answer import JSON, MSGPACK, encode, encode_rows, preferred


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/html", JSON),
        ("application/json", JSON),
        ("application/msgpack", MSGPACK),
        ("application/x-msgpack", MSGPACK),
        ("Application/MsgPack", MSGPACK),
        ("application/msgpack, */*;q=0.5", MSGPACK),
        ("application/msgpack;q=0", JSON),
        ("application/json, application/msgpack", JSON),
        ("application/msgpack, application/json", MSGPACK),
        ("application/json;q=0.5, application/msgpack;q=0.9", MSGPACK),
        ("application/json, application/msgpack;q=0.9", JSON),
        ("application/msgpack;q=nonsense", JSON),
        ("text/msgpack", JSON),
    ],
)
def test_the_form_is_what_the_client_likes_better(accept: str | None, form: str) -> None:
    """By weight, then by place; JSON where nothing of ours is named."""
    assert preferred(accept) == form


@given(rows=st.lists(st.dictionaries(st.text(max_size=3), st.integers(0, 9)), max_size=1_200))
def test_a_long_list_is_the_list(rows: list[dict[str, int]]) -> None:
    """Encoded in pieces, it decodes to what it was, alone and within an answer, in both forms."""
    for form, decode in ((JSON, msgspec.json.decode), (MSGPACK, msgspec.msgpack.decode)):
        raw = asyncio.run(encode_rows(iter(rows), form))
        assert decode(encode({"before": 1, "rows": raw, "after": None}, form)) == {
            "before": 1,
            "rows": rows,
            "after": None,
        }
