"""The envelope of every message on the Engine Logic bus."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

Payload = TypeVar("Payload")
"""Type of the message inside an envelope."""


class Cause(msgspec.Struct, frozen=True, array_like=True):
    """Direct input of an event."""

    source: str
    sequence: int


class Event(msgspec.Struct, Generic[Payload], frozen=True, kw_only=True):
    """One message of an engine: who said it, when, because of what, and the payload.

    ``(source, epoch, sequence)`` is its identity: a pure function of the producer's inputs. Operational
    messages carry the sequence of their producer's last numbered event and are never compared. ``ts_event``
    is the producer's engine time when it happened and never decreases within a source; ``ts_publish`` is
    the wall clock of publication and is no part of a result.
    """

    type: str
    version: int
    source: str
    epoch: int
    sequence: int
    ts_event: int
    ts_publish: int
    trace: int | None = None
    cause: Cause | None = None
    payload: Payload


RawEvent = Event[msgspec.Raw]
"""An event whose payload is still bytes."""

AnyEvent = Event[Any]
"""An event of any payload."""
