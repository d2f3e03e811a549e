"""Events to bytes and back: MessagePack that any plain client can read, checked against the declared type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bus.envelope import AnyEvent, RawEvent
from bus.errors import DecodeError
from bus.topics import Topic

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Largest encoded event a bus takes."""

_encoder = msgspec.msgpack.Encoder()
_envelope = msgspec.msgpack.Decoder(RawEvent)


def encode(event: AnyEvent) -> bytes:
    """Encode one event."""
    return _encoder.encode(event)


def decode_envelope(data: bytes | memoryview, where: str) -> RawEvent:
    """Read the envelope alone; the payload stays bytes.

    Raises:
        DecodeError: not an event; the message names what was expected and ``where`` it stood.
    """
    if len(data) > MAX_EVENT_BYTES:
        raise DecodeError(f"at most {MAX_EVENT_BYTES} bytes", f"{len(data)} bytes", where)
    try:
        return _envelope.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("an event", str(error), where) from error


class Codec:
    """Decoder of the payloads of some topics; others are left alone.

    >>> from bus.envelope import Event
    >>> from bus.messages.control import Watermark
    >>> from bus.topics import TOPICS
    >>> event = Event(
    ...     type="watermark",
    ...     version=1,
    ...     source="vpin",
    ...     epoch=1,
    ...     sequence=0,
    ...     ts_event=5,
    ...     ts_publish=6,
    ...     payload=Watermark(watermark=5),
    ... )
    >>> codec = Codec(TOPICS.values())
    >>> codec.decode(encode(event), "logic 1-0").payload
    Watermark(watermark=5)
    """

    def __init__(self, topics: Iterable[Topic]) -> None:
        chosen = [topic for topic in topics if topic.payload is not None]
        self._versions = {topic.name: topic.version for topic in chosen}
        self._payloads = {topic.name: msgspec.msgpack.Decoder(topic.payload) for topic in chosen}

    def knows(self, message_type: str) -> bool:
        """Whether payloads of this type are decoded here."""
        return message_type in self._payloads

    def decode(self, data: bytes | memoryview, where: str) -> AnyEvent:
        """Decode envelope and payload.

        Raises:
            DecodeError: not an event, of an unknown type or a newer version, or with another payload than
            declared.
        """
        return self.decode_payload(decode_envelope(data, where), where)

    def decode_payload(self, event: RawEvent, where: str) -> AnyEvent:
        """Decode the payload of an event whose envelope was read already."""
        decoder = self._payloads.get(event.type)
        if decoder is None:
            raise DecodeError(f"a type of {sorted(self._payloads)}", repr(event.type), where)
        if event.version > self._versions[event.type]:
            expected = f"`{event.type}` version {self._versions[event.type]} or lower"
            raise DecodeError(expected, f"version {event.version}", where)
        try:
            payload: Any = decoder.decode(event.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"a `{event.type}` payload", str(error), where) from error
        return msgspec.structs.replace(event, payload=payload)
