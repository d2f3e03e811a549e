"""A restored engine handles its inputs in the order in which it would have handled them."""

from __future__ import annotations

import numpy as np

from bus import codec, frames
from bus.envelope import AnyEvent, Event
from bus.messages.control import Watermark
from bus.outbox import Outbox
from bus.records import END_OF_TIME, TRADE, Records
from bus.topics import WATERMARK, Bus, Topic
from bus.transport import Entry, EntryId
from shared.capture import capture, restore
from shared.clock import FixedClock
from shared.runtime import Runtime
from shared.wiring import lanes
from tests.fleet import toys

FLEET = [spec for spec, _ in toys.members()]


def answerer() -> Runtime:
    """A fresh answerer, which waits for the asker's promises."""
    spec = toys.ANSWERER
    return Runtime(spec, toys.Answerer(None, toys.Counts()), lanes(spec, FLEET), FixedClock(), 16)


def frame() -> Entry:
    """Five trades at 1 to 5 ns, with the promise that all through 5 ns are out."""
    trade = np.zeros(5, TRADE)
    trade["sequence"] = trade["ts_event"] = trade["ts_init"] = np.arange(1, 6)
    fields = frames.encode(Records({"trade": trade}), epoch=1, watermark=5, ts_publish=0)
    return Entry(EntryId(1, 5), fields)


def said(topic: Topic, payload: toys.Ask | Watermark, sequence: int, ts_event: int) -> Entry:
    """An entry of the asker."""
    event: AnyEvent = Event(
        type=topic.name,
        version=1,
        source="asker",
        epoch=1,
        sequence=sequence,
        ts_event=ts_event,
        ts_publish=0,
        payload=payload,
    )
    return Entry(EntryId(1, ts_event + sequence), {"e": codec.encode(event)})


def answers(runtime: Runtime) -> list[int]:
    """Trades that each answer has seen."""
    codec_ = codec.Codec([toys.ANSWER])
    events = [codec.decode_envelope(item.fields["e"], "test") for item in runtime.take() if item.sequence]
    return [codec_.decode_payload(event, "test").payload.n_trades for event in events]


def test_an_event_waits_for_records_that_are_read_again() -> None:
    """Records that waited at the checkpoint are not in it: their promise may not be either.

    The engine was restored while five trades waited. An ask at 3 ns then comes before the trades are read
    again; it is answered after the three trades at or before it, not before any.
    """
    before = answerer()
    before.receive(Bus.MARKET_DATA, frame())
    assert before.step() == 0

    after = answerer()
    restore(after, capture(before, Outbox("answerer")), Outbox("answerer"), 0)
    after.receive(Bus.ENGINE_LOGIC, said(toys.ASK, toys.Ask(0, 0, 0), 1, 3))
    after.receive(Bus.ENGINE_LOGIC, said(WATERMARK, Watermark(watermark=END_OF_TIME), 1, 3))
    after.step()
    assert answers(after) == []

    after.receive(Bus.MARKET_DATA, frame())
    after.step()
    assert answers(after) == [3]
