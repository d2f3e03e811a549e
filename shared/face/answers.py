"""What every process answers, as types: for the faces that say it, and for the client that reads it.

Light to import: nothing of a web framework.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from shared.face.subject import CommandReceipt, Phase, Vitals
from shared.spec import Metric, Rungs


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The process is alive."""

    status: Literal["alive"] = "alive"


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
    phase: Phase
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
    """Bytes of the input as it was read."""
    redriven_from: int | None


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """The last inputs that were set aside, newest first."""

    n_dead_letters: int
    """All since the start."""
    dead_letters: list[Letter]


class WholeLetter(Letter, frozen=True, kw_only=True):
    """An input that was set aside, with its bytes, in JSON as base64."""

    content: bytes


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with what was sent."""

    field: str
    """Path of the value in the request, such as ``trades[3].price``."""
    expected: str
    found: str
    index: int | None = None
    """Row or element at fault, from 0, if the value stands in a list."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Body of an answer that is no success."""

    type: str = "about:blank"
    """`about:blank`: the problem is what its status says."""
    title: str
    status: int
    detail: str
    instance: str = ""
    """Path that was asked for."""
    errors: tuple[FieldProblem, ...] | msgspec.UnsetType = msgspec.UNSET
    """What is wrong with the request, value by value."""
    receipt: CommandReceipt | msgspec.UnsetType = msgspec.UNSET
    """The command that was refused."""
