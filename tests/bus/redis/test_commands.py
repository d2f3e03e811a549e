"""Commands as bytes and replies as entries."""

from __future__ import annotations

import hiredis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.redis import commands
from bus.transport import BEGINNING, Entry, EntryId

VALUES = st.binary(max_size=6000)


def packed(*words: str | bytes) -> bytes:
    """A command as hiredis writes it."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub knows one word
    return packed


def joined(chunks: commands.Chunks) -> bytes:
    """What is written."""
    return b"".join(chunks)


@given(
    st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4),
    st.none() | st.builds(EntryId, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
    st.booleans(),
)
def test_an_append_is_what_any_client_would_send(
    fields: dict[str, bytes], entry_id: EntryId | None, viewed: bool
) -> None:
    """The pieces of an XADD are the bytes hiredis makes of it, and their size is told."""
    append = commands.Append("md")
    sent = {name: memoryview(data) if viewed else data for name, data in fields.items()}
    expected = ["XADD", "md", "*" if entry_id is None else str(entry_id)]
    flat = [word for name, data in fields.items() for word in (name.encode(), data)]

    for _ in range(2):
        chunks, size = append.encode(sent, entry_id)
        assert joined(chunks) == packed(*expected, *flat)
        assert size == len(joined(chunks))


def test_large_arrays_are_not_copied() -> None:
    """A large array stands in the command as a view of itself."""
    array = np.arange(10_000, dtype=np.int64)
    chunks, size = commands.Append("md").encode(
        {"h": b"1", "trade": array.view(np.uint8).data}, EntryId(1, 1)
    )
    array[0] = 77

    (view,) = [chunk for chunk in chunks if isinstance(chunk, memoryview)]
    assert np.shares_memory(np.frombuffer(view, np.int64), array)
    assert size == len(joined(chunks))


def test_views_of_any_item_size_are_counted_in_bytes() -> None:
    """A view of wider items is written whole."""
    view = np.arange(3, dtype=np.int64).data
    chunks, _ = commands.Append("md").encode({"trade": view}, None)

    assert b"$24\r\n" + view.tobytes() + b"\r\n" in joined(chunks)


def test_a_read_names_place_count_and_wait() -> None:
    """XREAD reads above an id, at most so many entries, and waits only if told."""
    words = ("XREAD", "COUNT", "7", "BLOCK", "1500", "STREAMS", "logic", "1-2")
    assert commands.read("logic", EntryId(1, 2), 7, 1.5) == packed(*words)
    assert b"BLOCK" not in commands.read("logic", BEGINNING, 7)


def test_a_reply_becomes_entries() -> None:
    """Ids, names and values of the reply; no reply is no entry."""
    reply = [[b"md", [[b"1-2", [b"h", b"x", b"trade", b"y"]], [b"1-9", [b"\xff", b""]]]]]

    assert commands.entries(reply) == [
        Entry(EntryId(1, 2), {"h": b"x", "trade": b"y"}),
        Entry(EntryId(1, 9), {"\\xff": b""}),
    ]


@pytest.mark.parametrize(
    "reply",
    [
        *(b"OK", 7, [], [1], [[b"md"]], [[b"md", [[b"1", [b"h", b"x"]]]]], [[b"md", [[b"1-2", [b"h"]]]]]),
        *(
            [[b"md", [[b"a-b", [b"h", b"x"]]]]],
            [[b"md", [[7, []]]]],
            [[b"md", None]],
            [[b"md", [[b"1-2", None]]]],
        ),
    ],
)
def test_another_reply_is_refused(reply: object) -> None:
    """What is no reply to an XREAD never becomes entries."""
    with pytest.raises((TypeError, ValueError, AttributeError)):
        commands.entries(reply)
