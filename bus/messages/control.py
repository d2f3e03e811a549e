"""Messages every engine may read or send: commands, results, watermarks, status, gaps, dead letters."""

from __future__ import annotations

from typing import Any

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a person to one engine; takes effect when read back."""

    target: str
    name: str
    arguments: dict[str, Any] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker of an engine found; takes effect when read back."""

    target: str
    name: str
    arguments: dict[str, Any] = {}
    error: str | None = None
    """Why it found nothing."""


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """Promise that all events of this source at or before ``watermark`` are published."""

    watermark: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an engine stands that is part of a loop of events: what it has heard, what it can handle next."""

    earliest: int
    """Earliest time at which it can handle anything if no other engine of the loop says another word, ns."""
    heard: dict[str, int]
    """Last sequence taken of each other engine of the loop that it listens to; 0 if none was."""


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine is doing."""

    n_handled: int
    n_dead_letters: int
    n_missing: int
    lag_seconds: float


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a producer that were lost before this engine read them."""

    producer: str
    first_sequence: int
    last_sequence: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An input that was set aside: where it came from, why, and its bytes."""

    producer: str
    producer_epoch: int
    producer_sequence: int
    message_type: str
    error: str
    content: bytes
    redriven_from: int | None = None
