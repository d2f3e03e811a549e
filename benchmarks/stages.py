"""The stages of a reaction, each by itself: the calls of a turn, on what the stage before it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Final

import uvloop

from benchmarks.echo import PRODUCER, SPEC, Conversation, Echoer
from benchmarks.mailbox import Mailbox
from bus import codec
from bus.codec import Codec
from bus.cursors import Cursors
from bus.envelope import AnyEvent, Cause
from bus.merge import Merge
from bus.topics import COMMAND, RESULT, TOXICITY, WATERMARK
from shared.clock import WallClock
from shared.outputs import Outputs
from shared.sender import Sender

WHERE: Final = "logic 1-1"
LANES: Final = ((PRODUCER.name, 0), (f"{SPEC.name}.face", 0), (f"{SPEC.name}.worker", 0))


class Stages:
    """Stages on ``n`` events in a row; what a stage works on is made before it is timed."""

    def __init__(self, n: int) -> None:
        conversation = Conversation()
        self._entries = [conversation.next(promises=False)[0] for _ in range(n)]
        self._codec = Codec([TOXICITY, COMMAND, RESULT, WATERMARK])
        self._raw = [codec.decode_envelope(entry.fields["e"], WHERE) for entry in self._entries]
        self._events: list[AnyEvent] = [self._codec.decode_payload(raw, WHERE) for raw in self._raw]
        self._emitted = [next(iter(Echoer().on_toxicity(event))).payload for event in self._events]

    def takers(self) -> Mapping[str, Callable[[], int]]:
        """Stages by name, in the order of a turn; each call returns the ns that all its events took."""
        return {
            "decode the envelope": self.decode_envelope,
            "decode the payload": self.decode_payload,
            "cursor": self.admit,
            "order of inputs": self.merge,
            "handler": self.handle,
            "encode": self.encode,
            "outbox and submission": self.submit,
        }

    def decode_envelope(self) -> int:
        """Bytes to an event whose payload is bytes still."""
        encoded = [entry.fields["e"] for entry in self._entries]
        began = perf_counter_ns()
        for data in encoded:
            codec.decode_envelope(data, WHERE)
        return perf_counter_ns() - began

    def decode_payload(self) -> int:
        """The payload to its declared type, checked."""
        decode = self._codec.decode_payload
        began = perf_counter_ns()
        for raw in self._raw:
            decode(raw, WHERE)
        return perf_counter_ns() - began

    def admit(self) -> int:
        """Whether it was seen before."""
        cursors = Cursors()
        began = perf_counter_ns()
        for raw in self._raw:
            cursors.admit(raw.source, raw.epoch, raw.sequence, raw.sequence)
        return perf_counter_ns() - began

    def merge(self) -> int:
        """In and out again, once more in vain, and what may be promised then."""
        merge = Merge(LANES)
        began = perf_counter_ns()
        for event in self._events:
            merge.offer_event(event, 0)
            merge.take()
            merge.take()
            merge.horizon()
        return perf_counter_ns() - began

    def handle(self) -> int:
        """What an engine does, which is next to nothing here."""
        engine = Echoer()
        began = perf_counter_ns()
        for event in self._events:
            list(engine.on_toxicity(event))
        return perf_counter_ns() - began

    def encode(self) -> int:
        """A payload to a numbered, stamped event, and to bytes."""
        outputs = Outputs(SPEC, WallClock(), 1)
        began = perf_counter_ns()
        for event, payload in zip(self._events, self._emitted, strict=True):
            outputs.event(payload, event.ts_event, event.trace, Cause(event.source, event.sequence))
            outputs.take()
        return perf_counter_ns() - began

    def submit(self) -> int:
        """To the outbox and into the hands of the courier; the answer is waited for."""
        return uvloop.run(self._submit())

    async def _submit(self) -> int:
        outputs, mailbox = Outputs(SPEC, WallClock(), 1), Mailbox()
        for event, payload in zip(self._events, self._emitted, strict=True):
            outputs.event(payload, event.ts_event, event.trace, None)
        publications = outputs.take()
        sender = Sender(SPEC.name, mailbox, WallClock(), _fail)
        began = perf_counter_ns()
        for publication in publications:
            sender.send(publication)
        elapsed = perf_counter_ns() - began
        mailbox.take()
        await sender.settled()
        return elapsed


def _fail(error: Exception) -> None:
    raise error
