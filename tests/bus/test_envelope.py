"""The envelope of events."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec
from bus.envelope import Cause, Event
from bus.messages.control import Watermark

I64 = st.integers(-(2**63), 2**63 - 1)
U63 = st.integers(0, 2**63 - 1)

events = st.builds(
    Event,
    type=st.just("watermark"),
    version=st.just(1),
    source=st.text(min_size=1, max_size=20),
    epoch=U63,
    sequence=U63,
    ts_event=I64,
    ts_publish=I64,
    trace=st.none() | U63,
    cause=st.none() | st.builds(Cause, source=st.text(max_size=8), sequence=U63),
    payload=st.builds(Watermark, watermark=I64),
)


@given(events)
def test_any_messagepack_client_can_read_an_event(event: Event[Watermark]) -> None:
    """A plain reader sees a map with the names of the contract, the cause as a pair, the payload as a map."""
    plain = msgpack.unpackb(codec.encode(event))

    assert plain == {
        "type": "watermark",
        "version": 1,
        "source": event.source,
        "epoch": event.epoch,
        "sequence": event.sequence,
        "ts_event": event.ts_event,
        "ts_publish": event.ts_publish,
        "trace": event.trace,
        "cause": None if event.cause is None else [event.cause.source, event.cause.sequence],
        "payload": {"watermark": event.payload.watermark},
    }


@given(events)
def test_the_envelope_can_be_read_alone(event: Event[Watermark]) -> None:
    """A reader that does not care for the payload never decodes it."""
    raw = codec.decode_envelope(codec.encode(event), "logic 1-0")

    assert (raw.source, raw.epoch, raw.sequence) == (event.source, event.epoch, event.sequence)
    assert msgpack.unpackb(bytes(raw.payload)) == {"watermark": event.payload.watermark}


@pytest.mark.parametrize("name", ["sequence", "ts_publish", "payload"])
def test_an_event_is_frozen(name: str) -> None:
    """What was said is a fact."""
    event: Event[Any] = Event(
        type="t", version=1, source="s", epoch=1, sequence=1, ts_event=0, ts_publish=0, payload=None
    )

    with pytest.raises(AttributeError):
        setattr(event, name, 3)
