"""Every topic of the fleet: a declared name, its bus and its type."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from bus.messages import control, toxicity
from bus.records import KINDS


class Bus(StrEnum):
    """One of the two Redis servers, each with one stream."""

    MARKET_DATA = "md"
    ENGINE_LOGIC = "logic"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of record on MarketData, or a type of event on Engine Logic."""

    name: str
    bus: Bus
    about: str
    """One sentence: what one message says."""
    payload: Any = None
    """Payload type of an event; None for records."""
    version: int = 1
    operational: bool = False
    """True for messages that are never part of a result: unnumbered, left out of the canonical log."""

    def after(self, seconds: float) -> Input:
        """Read this topic with a declared delay of the edge."""
        return Input(topic=self, delay=round(seconds * 1e9))


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """An edge into an engine: the topic and the delay after which a message is seen."""

    topic: Topic
    delay: int = 0
    """ns; above zero on every edge that closes a loop."""


def _record(name: str, about: str) -> Topic:
    if name not in KINDS:
        message = f"Expected a record kind of {sorted(KINDS)}, got {name!r}"
        raise ValueError(message)
    return Topic(name=name, bus=Bus.MARKET_DATA, about=about)


def _event(name: str, payload: type[msgspec.Struct], about: str, *, operational: bool = False) -> Topic:
    return Topic(name=name, bus=Bus.ENGINE_LOGIC, payload=payload, about=about, operational=operational)


INSTRUMENT: Final = _record("instrument", "Definition of an instrument row, before its first use.")
QUOTE: Final = _record("quote", "Best bid and ask of an instrument.")
TRADE: Final = _record("trade", "One execution.")
BAR: Final = _record("bar", "A closed time, volume or dollar bar.")
CLOCK: Final = _record("clock", "A second of the feed's time has passed.")
DEPTH10: Final = _record("depth10", "The ten best levels of both sides of a book.")
BOOK_STATE: Final = _record("book_state", "What a book is worth from here on, and why.")

TOXICITY: Final = _event("toxicity", toxicity.Toxicity, "Toxicity at the close of one volume bucket.")

COMMAND: Final = _event("command", control.Command, "An order of a person to one engine.")
RESULT: Final = _event("result", control.Result, "What a worker of an engine found.")
WATERMARK: Final = _event("watermark", control.Watermark, "How far a source has got.", operational=True)
STANDING: Final = _event(
    "standing", control.Standing, "Where an engine stands that waits for its own loop.", operational=True
)
ENGINE_STATUS: Final = _event(
    "engine_status", control.EngineStatus, "How an engine is doing, once a second.", operational=True
)
GAP: Final = _event("gap", control.Gap, "Entries lost before an engine read them.", operational=True)
DEAD_LETTER: Final = _event(
    "dead_letter", control.DeadLetter, "An input that was set aside.", operational=True
)

TOPICS: Final = {topic.name: topic for topic in list(globals().values()) if isinstance(topic, Topic)}
"""Every topic by name."""
