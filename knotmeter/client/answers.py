"""Answers that every process gives, as types; fields that are not known here are ignored.

What is light to import is taken from where the faces take it; the rest is told again here, for the faces'
modules bring a whole web framework with them, and a test holds the two against each other.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shared.face.subject import Vitals
from shared.spec import Metric, Rungs


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process is alive."""

    status: str = "alive"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that an engine reads or fills."""

    topic: str
    bus: str
    about: str
    delay_seconds: float = 0.0


class CommandAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A command that an engine takes."""

    name: str
    about: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine declares of itself."""

    name: str
    question: str
    port: int
    consumes: list[Edge]
    publishes: list[Edge]
    metrics: list[Metric]
    rungs: Rungs
    """Latency targets, microseconds."""
    unit_of_work: str
    memory_mb: int
    main_query: str | None
    commands: list[CommandAbout]

    def takes(self, command: str) -> bool:
        """Whether it takes a command of this name."""
        return any(one.name == command for one in self.commands)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is doing; times in ns."""

    name: str
    phase: str
    ready: bool
    reason: str | None
    n_handled: int
    n_dead_letters: int
    n_missing: int
    now: int | None
    """Engine time; None before the first input."""
    watermark: int | None
    """Promise to readers: all events at or before it are out; None before the first promise."""
    lag_seconds: float | None
    """Wall time less engine time."""
    vitals: Vitals
    summary: list[dict[str, Any]] | None
    summary_reason: str | None
    """Why there is no summary."""


class RecordingState(Vitals, frozen=True, kw_only=True):
    """How the recorder stands with its buses and its disk; a flush is its checkpoint."""

    n_records: dict[str, int] = msgspec.field(default_factory=dict)
    """Market records by kind."""
    n_events: dict[str, int] = msgspec.field(default_factory=dict)
    """Numbered events by type."""
    n_dead_letters: int = 0
    n_missing: int = 0
    n_segments: int = 0
    n_bytes: int = 0
    held_back_by: dict[str, str | None] = msgspec.field(default_factory=dict)
    """Reader that keeps a bus from being trimmed further; None where nobody does."""
    complete: bool = False


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was set aside, without its bytes."""

    number: int
    producer: str
    producer_epoch: int
    producer_sequence: int
    message_type: str
    error: str
    """What was expected, what was found and where."""
    n_bytes: int
    redriven_from: int | None


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """The last inputs that were set aside, newest first."""

    n_dead_letters: int
    """All since the start."""
    dead_letters: list[Letter]


class WholeLetter(Letter, frozen=True, kw_only=True):
    """An input that was set aside, with its bytes."""

    content: bytes
