"""A trivial engine, and the events that it hears: what a reaction takes here is what every engine pays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from benchmarks.answers import AnswerError
from bus import codec
from bus.envelope import Cause, Event
from bus.messages.control import Watermark
from bus.messages.toxicity import Toxicity
from bus.topics import TOXICITY, WATERMARK, Bus, Topic
from bus.transport import Entry, EntryId
from shared import registry
from shared.engine import Emit, Engine
from shared.spec import EngineSpec, Rungs

START: Final = 1_700_000_000_000_000_000
"""Time of the event before the first, ns."""


class Echo(msgspec.Struct, frozen=True, kw_only=True):
    """Which event was heard."""

    instrument_id: str
    bucket_index: int
    vpin: float | None


ECHO: Final = Topic(name="echo", bus=Bus.ENGINE_LOGIC, payload=Echo, about="What was heard.")

SPEC: Final = EngineSpec(
    name="echo",
    question="What was heard last?",
    port=0,
    consumes=(TOXICITY,),
    publishes=(ECHO,),
    rungs=Rungs(baseline=1000, kernel=100, accelerated=10, algorithm=1, ultimate=0.1),
    unit_of_work="event echoed",
    memory_mb=64,
)

PRODUCER: Final = next(spec for spec in registry.engines().values() if TOXICITY in spec.publishes)


class Heard(msgspec.Struct):
    """What the engine remembers."""

    n_events: int = 0


class Echoer(Engine[Heard]):
    """Says of every event that it was heard."""

    def __init__(self) -> None:
        super().__init__(None, Heard())

    def on_toxicity(self, event: Event[Toxicity]) -> Iterable[Emit]:
        """Count it and name it."""
        self.state.n_events += 1
        heard = event.payload
        return [
            Emit(Echo(instrument_id=heard.instrument_id, bucket_index=heard.bucket_index, vpin=heard.vpin))
        ]


class Conversation:
    """Events of a producer, one after the other, and what has to be answered to each."""

    def __init__(self) -> None:
        self._number = 0
        self._entry = 0

    def next(self, *, promises: bool) -> list[Entry]:
        """Entries with the next event and, if the producer promises anything, with the promise after it."""
        self._number += 1
        entries = [self._said(TOXICITY, _toxicity(self._number))]
        if promises:
            entries.append(self._said(WATERMARK, Watermark(watermark=START + self._number)))
        return entries

    def check(self, said: Sequence[bytes]) -> None:
        """Hold what was said to the last event against what has to be: its echo, and at most a promise.

        Raises:
            AnswerError: it is something else.
        """
        events = [codec.decode_envelope(data, "answer") for data in said]
        types = [event.type for event in events]
        if types not in ([ECHO.name], [ECHO.name, WATERMARK.name]):
            message = f"expected the echo of event {self._number} and a promise, found {types}"
            raise AnswerError(message)
        if self._echo(events[0].ts_publish) != said[0]:
            message = f"expected the echo of event {self._number}, found {said[0]!r}"
            raise AnswerError(message)

    def _echo(self, ts_publish: int) -> bytes:
        heard = _toxicity(self._number)
        return codec.encode(
            Event(
                type=ECHO.name,
                version=ECHO.version,
                source=SPEC.name,
                epoch=1,
                sequence=self._number,
                ts_event=START + self._number,
                ts_publish=ts_publish,
                trace=self._number,
                cause=Cause(PRODUCER.name, self._number),
                payload=Echo(instrument_id=heard.instrument_id, bucket_index=self._number, vpin=heard.vpin),
            )
        )

    def _said(self, topic: Topic, payload: msgspec.Struct) -> Entry:
        self._entry += 1
        event = Event(
            type=topic.name,
            version=topic.version,
            source=PRODUCER.name,
            epoch=1,
            sequence=self._number,
            ts_event=START + self._number,
            ts_publish=START + self._number,
            trace=self._number,
            cause=Cause(Bus.MARKET_DATA.value, self._number),
            payload=payload,
        )
        return Entry(EntryId(1, self._entry), {"e": codec.encode(event)})


def _toxicity(number: int) -> Toxicity:
    """A bucket as vpin publishes it."""
    return Toxicity(
        instrument_id="SAMPLE.SIM",
        bucket_index=number,
        ts_open=START,
        ts_close=START + number,
        vpin=0.135064,
        vpin_cdf=0.62,
        level="normal",
        buy_volume=18423.0,
        sell_volume=31577.0,
        unclassified_volume=0.0,
        bucket_volume=50000.0,
        signed_imbalance=-13154.0,
        mean_signed_imbalance=-390.0,
        n_trades=379,
        trade_intensity=1.176036058527047,
        realized_volatility=0.004222977637265431,
        kyle_lambda=0.000013972184668551565,
        amihud_illiquidity=2.172858459377597e-10,
        roll_spread=0.011319562579403024,
        classification="tick_rule",
        bar_seconds=None,
        sigma_rule=None,
        sigma=None,
        n_buckets=50,
        n_observations=50,
    )
