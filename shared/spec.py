"""What an engine declares of itself, once: everything else is derived from it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bus.topics import Bus, Input, Topic


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A domain metric of an engine, ``knotmeter_<thing>_<unit>[_total]`` in base units."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str


class Rungs(msgspec.Struct, frozen=True, kw_only=True):
    """Published latency targets for one unit of work, microseconds."""

    baseline: float
    kernel: float
    accelerated: float
    algorithm: float
    ultimate: float


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command that an engine takes."""

    name: str
    about: str
    """One sentence: what it does."""
    arguments: Any = None
    """Type of its arguments, a struct; None if it takes none."""


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Declaration of one engine."""

    name: str
    question: str
    """The question it answers, one line."""
    port: int
    consumes: tuple[Topic | Input, ...] = ()
    publishes: tuple[Topic, ...] = ()
    metrics: tuple[Metric, ...] = ()
    rungs: Rungs
    unit_of_work: str
    memory_mb: int
    """Resident memory the engine is budgeted for, MiB."""
    main_query: str | None = None
    """Path of the GET that answers the question, whose latency is measured; None if it has no face."""
    commands: tuple[CommandSpec, ...] = ()

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Edges into this engine, each with its delay."""
        return tuple(edge if isinstance(edge, Input) else Input(topic=edge) for edge in self.consumes)

    @property
    def record_kinds(self) -> frozenset[str]:
        """Record kinds it reads from MarketData."""
        return frozenset(edge.topic.name for edge in self.inputs if edge.topic.bus is Bus.MARKET_DATA)

    @property
    def is_source(self) -> bool:
        """Whether it fills the MarketData bus; its input is a feed."""
        return any(topic.bus is Bus.MARKET_DATA for topic in self.publishes)
