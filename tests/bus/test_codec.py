"""Events to bytes and back."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec
from bus.codec import MAX_EVENT_BYTES, Codec
from bus.envelope import Event
from bus.errors import DecodeError
from bus.messages.control import Command, Watermark
from bus.topics import COMMAND, TOPICS, WATERMARK
from tests.bus.golden import load

ALL = Codec(TOPICS.values())
PLAIN = {
    "type": "watermark",
    "version": 1,
    "source": "a",
    "epoch": 1,
    "sequence": 1,
    "ts_event": 1,
    "ts_publish": 1,
}


def packed(**changes: Any) -> bytes:
    """A watermark event as another client would write it, with changes."""
    data: bytes = msgpack.packb(PLAIN | {"payload": {"watermark": 5}} | changes)
    return data


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_arguments_survive(arguments: dict[str, Any]) -> None:
    """A command's arguments may be any plain data and come back as they were."""
    event = Event(
        type="command",
        version=1,
        source="a.face",
        epoch=1,
        sequence=1,
        ts_event=0,
        ts_publish=0,
        payload=Command(target="a", name="set", arguments=arguments),
    )

    assert ALL.decode(codec.encode(event), "here") == event


def test_any_buffer_can_be_decoded() -> None:
    """A view of received bytes is as good as bytes."""
    assert ALL.decode(memoryview(packed()), "here").payload == Watermark(watermark=5)


def test_a_codec_knows_the_topics_it_was_given() -> None:
    """Record kinds have no payload; types that were not asked for are refused by name."""
    some = Codec([COMMAND, TOPICS["trade"]])

    assert some.knows("command")
    assert not some.knows("trade")
    with pytest.raises(DecodeError, match=r"Expected a type of \['command'\], got 'watermark' - at here"):
        some.decode(packed(), "here")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Expected an event, got Input data was truncated - at here"),
        (packed()[:-1], "Expected an event, got Input data was truncated"),
        (packed() + b"\0", "Expected an event, got MessagePack data is malformed"),
        (b"\xc1", "Expected an event, got MessagePack data is malformed"),
        (msgpack.packb([1]), "Expected an event, got Expected `object`, got `array`"),
        (msgpack.packb(PLAIN), "Expected an event, got Object missing required field `payload`"),
        (
            packed(source=b"\xff"),
            "Expected an event, got Expected `str`, got `bytes` - at `$.source` - at here",
        ),
        (
            packed(source="zz").replace(b"zz", b"\xff\xff"),
            "Expected an event, got 'utf-8' codec can't decode",
        ),
        (packed(epoch=1.5), "Expected an event, got Expected `int`, got `float` - at `$.epoch`"),
        (packed(payload=None), "Expected a `watermark` payload, got Expected `object`, got `None`"),
        (packed(payload={}), "Expected a `watermark` payload, got Object missing required field `watermark`"),
        (packed(payload={"watermark": "5"}), "got Expected `int`, got `str` - at `$.watermark` - at here"),
        (
            packed(cause=["a"]),
            "Expected an event, got Expected `array` of at least length 2, got 1 - at `$.cause`",
        ),
    ],
)
def test_what_is_no_event_is_told(data: bytes, message: str) -> None:
    """Expected, got, where: for the bytes, the envelope and the payload."""
    with pytest.raises(DecodeError) as caught:
        ALL.decode(data, "here")

    assert message in str(caught.value)
    assert caught.value.where == "here"


def test_an_event_past_the_bound_is_not_read() -> None:
    """Size is checked before anything is decoded."""
    with pytest.raises(
        DecodeError, match=f"Expected at most {MAX_EVENT_BYTES} bytes, got {MAX_EVENT_BYTES + 1} bytes"
    ):
        ALL.decode(bytes(MAX_EVENT_BYTES + 1), "here")


def test_only_the_payload_asked_for_is_decoded() -> None:
    """An envelope read before is not read again."""
    raw = codec.decode_envelope(packed(payload={"watermark": 9}), "here")

    assert Codec([WATERMARK]).decode_payload(raw, "here").payload == Watermark(watermark=9)


GOLDEN = [example.data for examples in load().events.values() for example in examples]


@given(st.binary(max_size=64) | st.sampled_from(GOLDEN), st.data())
def test_no_bytes_break_the_reader(data: bytes, draw: st.DataObject) -> None:
    """Whatever arrives is an event or is told why not, damaged good events too."""
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 3)) if data else 0):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        event = ALL.decode(bytes(damaged), "here")
    except DecodeError:
        return
    assert event.type in TOPICS


def test_deep_nesting_is_refused_as_no_event() -> None:
    """Content nested deeper than the interpreter's stack is set aside like any other garbage."""
    nested = b"\x81\xa7payload" + b"\x91" * 200_000 + b"\xc0"

    with pytest.raises(DecodeError, match="Expected an event"):
        codec.decode_envelope(nested, "logic 1-0")
