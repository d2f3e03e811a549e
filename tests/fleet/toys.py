"""Toy engines that prove the contract: a source, and a pair on both buses that answers each other in a loop.

    trades ──> asker ──ask──> answerer ──answer──> asker        (both also read trades)

``asker`` asks about every trade whose price fell since its last, with what it was answered so far;
``answerer`` answers with the number of trades it has seen. If either handled one input out of its place,
the counts in the messages would differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from bus.envelope import Event
from bus.records import CLOCK, Records
from bus.topics import CLOCK as CLOCK_TOPIC
from bus.topics import INSTRUMENT, QUOTE, TRADE, Bus, Topic
from shared.engine import Emit, Engine
from shared.spec import EngineSpec, Rungs

RUNGS = Rungs(baseline=1000, kernel=100, accelerated=10, algorithm=1, ultimate=0.1)


class Ask(msgspec.Struct, frozen=True):
    """What the asker had seen when it asked."""

    n_trades: int
    n_answers: int
    last_answer: int


class Answer(msgspec.Struct, frozen=True):
    """What the answerer had seen when it answered."""

    n_trades: int
    n_asks: int


ASK = Topic(name="ask", bus=Bus.ENGINE_LOGIC, payload=Ask, about="A question.")
ANSWER = Topic(name="answer", bus=Bus.ENGINE_LOGIC, payload=Answer, about="An answer.")


class Counts(msgspec.Struct):
    """State of both toys."""

    n_trades: int = 0
    n_messages: int = 0
    last: int = 0
    last_price: int = 0
    halted: bool = False


class Asker(Engine[Counts]):
    """Asks about falling prices."""

    def on_records(self, records: Records) -> Iterable[Emit]:
        """Count trades, one at a time; refuse a slice with a negative size before anything is changed."""
        check(records)
        emitted = []
        for trade in records.trade:
            self.state.n_trades += 1
            if trade["price"] < self.state.last_price and not self.state.halted:
                ask = Ask(self.state.n_trades, self.state.n_messages, self.state.last)
                emitted.append(Emit(ask, int(trade["sequence"])))
            self.state.last_price = int(trade["price"])
        return emitted

    def on_answer(self, event: Event[Answer]) -> Iterable[Emit]:
        """Remember the answer."""
        if event.payload.n_trades < 0:
            message = "Expected a count, got a negative number"
            raise ValueError(message)
        self.state.n_messages += 1
        self.state.last = event.payload.n_trades
        return ()

    def on_command(self, event: Event[Any]) -> Iterable[Emit]:
        """Halt or resume."""
        self.state.halted = {"halt": True, "resume": False}[event.payload.name]
        return ()

    def measure(self) -> dict[str, float]:
        """No metrics."""
        return {}


class Answerer(Engine[Counts]):
    """Answers every question."""

    def on_records(self, records: Records) -> Iterable[Emit]:
        """Count trades."""
        check(records)
        self.state.n_trades += len(records.trade)
        return ()

    def on_ask(self, event: Event[Ask]) -> Iterable[Emit]:
        """Answer with what was seen so far."""
        self.state.n_messages += 1
        self.state.last = event.payload.n_trades
        return [Emit(Answer(self.state.n_trades, self.state.n_messages))]


class PassOn(Engine[Counts]):
    """A source that passes its feed on, and sends a clock record with every tenth."""

    def on_records(self, records: Records) -> Records:
        """Number the records again, with the clocks between them."""
        sequences = records.sequences()
        tens = sequences[sequences % 10 == 0]
        clock = np.zeros(len(tens), CLOCK)
        clock["ts_event"] = clock["ts_init"] = _times(records, tens)
        first = records.first_sequence
        arrays = {"clock": clock}
        clock["sequence"] = tens - first + 1 + np.arange(1, len(tens) + 1, dtype=np.uint64)
        for kind, array in records:
            copy = array.copy()
            copy["sequence"] = (
                array["sequence"] - first + 1 + tens.searchsorted(array["sequence"]).astype(np.uint64)
            )
            arrays[kind] = copy
        self.state.n_trades += len(records)
        return Records(arrays)


def check(records: Records) -> None:
    """Refuse negative sizes."""
    if (records.trade["size"] < 0).any():
        message = "Expected sizes of 0 or more, got a negative one"
        raise ValueError(message)


def _times(records: Records, sequences: Any) -> Any:
    times = {
        int(s): int(t)
        for _, array in records
        for s, t in zip(array["sequence"], array["ts_init"], strict=True)
    }
    return [times[int(sequence)] for sequence in sequences]


SOURCE = EngineSpec(
    name="source",
    question="What comes in?",
    port=1,
    publishes=(INSTRUMENT, TRADE, QUOTE, CLOCK_TOPIC),
    rungs=RUNGS,
    unit_of_work="record",
    memory_mb=1,
)
ASKER = EngineSpec(
    name="asker",
    question="Did it fall?",
    port=2,
    consumes=(TRADE, ANSWER.after(0.25)),
    publishes=(ASK,),
    rungs=RUNGS,
    unit_of_work="trade",
    memory_mb=1,
)
ANSWERER = EngineSpec(
    name="answerer",
    question="How many?",
    port=3,
    consumes=(TRADE, ASK),
    publishes=(ANSWER,),
    rungs=RUNGS,
    unit_of_work="ask",
    memory_mb=1,
)


def members() -> list[tuple[EngineSpec, Engine[Any]]]:
    """A fresh toy fleet."""
    return [
        (SOURCE, PassOn(None, Counts())),
        (ASKER, Asker(None, Counts())),
        (ANSWERER, Answerer(None, Counts())),
    ]
