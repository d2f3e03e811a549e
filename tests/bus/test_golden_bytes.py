"""The golden bytes, and the four rules by which messages may change."""

from __future__ import annotations

from typing import Any, Final

import msgpack
import msgspec
import numpy as np
import pytest

from bus import codec, frames
from bus.codec import Codec
from bus.errors import DecodeError
from bus.records import KINDS
from bus.topics import TOPICS, Bus, Topic
from tests.bus.golden import Example, event_of, fill, header_of, load, record_of

GOLDEN: Final = load()
EVENTS: Final = [(name, one) for name, examples in GOLDEN.events.items() for one in examples]
RECORDS: Final = [(kind, one) for kind, examples in GOLDEN.records.items() for one in examples]
NAMES: Final = [name for name, topic in TOPICS.items() if topic.payload is not None]


def decode(data: bytes) -> Any:
    """Decode with today's codec."""
    return Codec(TOPICS.values()).decode(data, "logic 1-0")


def altered(name: str, **changes: Any) -> bytes:
    """The newest golden event of a type with fields of envelope or payload changed, as by another client."""
    plain = msgpack.unpackb(GOLDEN.events[name][-1].data)
    plain["payload"] |= changes.pop("payload", {})
    packed: bytes = msgpack.packb(plain | changes)
    return packed


def test_everything_that_travels_has_golden_bytes() -> None:
    """No event type and no record kind is without an example."""
    assert sorted(GOLDEN.events) == sorted(NAMES)
    assert sorted(GOLDEN.records) == sorted(KINDS)
    assert fill(GOLDEN) == 0


@pytest.mark.parametrize(("name", "example"), EVENTS, ids=[name for name, _ in EVENTS])
def test_every_golden_event_is_read_as_it_was_meant(name: str, example: Example) -> None:
    """Bytes written by any version of the code give the event that was meant."""
    assert decode(example.data) == event_of(name, example)


@pytest.mark.parametrize("name", NAMES)
def test_events_are_written_as_ever(name: str) -> None:
    """Today's code writes the newest golden bytes of each type."""
    example = GOLDEN.events[name][-1]

    assert codec.encode(event_of(name, example)).hex() == example.hex


@pytest.mark.parametrize("name", NAMES)
def test_the_newest_example_shows_every_field(name: str) -> None:
    """A field that was added has an example, so that its bytes are pinned too."""
    fields = {field.name for field in msgspec.structs.fields(TOPICS[name].payload)}

    assert GOLDEN.events[name][-1].content["payload"].keys() == fields


@pytest.mark.parametrize(("name", "example"), EVENTS, ids=[name for name, _ in EVENTS])
def test_a_plain_reader_sees_the_same(name: str, example: Example) -> None:
    """MessagePack without our types gives the content in plain words."""
    plain = msgpack.unpackb(example.data)
    content = example.content
    cause = content["cause"]

    assert plain["cause"] == (list(cause.values()) if cause else None)
    assert {key: plain[key] for key in content if key not in ("cause", "payload")} == {
        key: content[key] for key in content if key not in ("cause", "payload")
    }
    assert msgspec.convert(plain["payload"], TOPICS[name].payload) == event_of(name, example).payload
    assert plain["payload"].keys() == content["payload"].keys()


@pytest.mark.parametrize(("kind", "example"), RECORDS, ids=[kind for kind, _ in RECORDS])
def test_records_are_laid_out_as_ever(kind: str, example: Example) -> None:
    """Every field of a record stands where it stood."""
    assert record_of(kind, example).tobytes().hex() == example.hex
    (record,) = np.frombuffer(example.data, KINDS[kind])
    for name, value in example.content.items():
        assert np.array_equal(record[name], value.encode() if isinstance(value, str) else value)


@pytest.mark.parametrize("example", GOLDEN.frame_headers)
def test_frame_headers_are_laid_out_as_ever(example: Example) -> None:
    """A header is written as it was, and read as it was meant."""
    assert header_of(example).hex() == example.hex
    clock = np.zeros(example.content["n_records"], KINDS["clock"])
    clock["sequence"] = np.arange(example.content["first_sequence"], example.content["last_sequence"] + 1)
    header, _ = frames.decode({"h": example.data, "clock": clock.tobytes()}, "md 2-43")
    assert header._asdict() == example.content


@pytest.mark.parametrize("name", NAMES)
def test_fields_nobody_knows_yet_are_ignored(name: str) -> None:
    """A newer producer's additional fields, in envelope and payload, do not disturb an older reader."""
    newer = altered(name, venue="X", payload={"colour": [1, {"deep": None}]})

    assert decode(newer) == decode(GOLDEN.events[name][-1].data)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_added_with_a_default_is_filled_in(name: str) -> None:
    """An older producer's events get the default of a field that was added since."""
    fields = [("added", int, 7), *_fields_of(name)]
    newer = msgspec.defstruct("Newer", fields, frozen=True, kw_only=True)
    topic = Topic(name=name, bus=Bus.ENGINE_LOGIC, about="Newer.", payload=newer)
    old = decode(GOLDEN.events[name][0].data).payload

    found = Codec([topic]).decode(GOLDEN.events[name][0].data, "logic 1-0").payload

    assert found.added == 7
    plain = msgspec.to_builtins(found)
    assert {name: plain[name] for name in msgspec.to_builtins(old)} == msgspec.to_builtins(old)


def _fields_of(name: str) -> list[Any]:
    fields = msgspec.structs.fields(TOPICS[name].payload)
    return [(field.name, field.type) if field.required else _optional(field) for field in fields]


def _optional(field: Any) -> tuple[Any, ...]:
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    return field.name, field.type, msgspec.field(default_factory=field.default_factory)


@pytest.mark.parametrize("name", NAMES)
def test_fields_with_a_default_may_be_missing(name: str) -> None:
    """Every default of today stands in for an older producer's missing field."""
    fields = msgspec.structs.fields(TOPICS[name].payload)
    optional = {field.name for field in fields if not field.required}
    plain = msgpack.unpackb(GOLDEN.events[name][-1].data)
    plain["payload"] = {key: value for key, value in plain["payload"].items() if key not in optional}
    del plain["trace"], plain["cause"]

    found = decode(msgpack.packb(plain))

    assert (found.trace, found.cause) == (None, None)
    assert msgspec.to_builtins(found.payload).keys() == {field.name for field in fields}


@pytest.mark.parametrize("name", NAMES)
def test_a_higher_version_is_refused(name: str) -> None:
    """A meaning that changed has a new version, which an older reader does not guess at."""
    version = TOPICS[name].version

    with pytest.raises(DecodeError) as caught:
        decode(altered(name, version=version + 1))
    assert str(caught.value) == (
        f"Expected `{name}` version {version} or lower, got version {version + 1} - at logic 1-0"
    )
    assert decode(altered(name, version=0)).version == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_another_type_is_refused(name: str) -> None:
    """A changed type is told with its path, for every field of every payload."""
    for field in msgspec.structs.fields(TOPICS[name].payload):
        with pytest.raises(
            DecodeError, match=rf"`{name}` payload, got Expected .* - at `\$\.{field.name}` - at"
        ):
            decode(altered(name, payload={field.name: msgpack.ExtType(5, b"")}))


@pytest.mark.parametrize(
    "field", ["type", "version", "source", "epoch", "sequence", "ts_event", "ts_publish"]
)
def test_an_envelope_of_another_type_is_refused(field: str) -> None:
    """A changed type in the envelope is told with its path."""
    with pytest.raises(DecodeError, match=rf"an event, got Expected .* - at `\$\.{field}` - at logic 1-0"):
        decode(altered("watermark", **{field: [1]}))
