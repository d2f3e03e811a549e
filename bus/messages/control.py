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


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """Promise that all events of this source at or before ``watermark`` are published."""

    watermark: int


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
