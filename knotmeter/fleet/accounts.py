"""Users of a fleet's servers: one for each process, with the rights it needs, and one that only reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bus.server import Account
from bus.topics import Bus
from shared.fleet_settings import RECORDER
from shared.spec import EngineSpec

READER: Final = "reader"
"""User for people and programs that watch."""


def accounts(fleet: Sequence[EngineSpec]) -> list[Account]:
    """Accounts of these engines, the recorder and the reader."""
    return [*(_engine(spec) for spec in fleet), _RECORDER, _READER]


def _engine(spec: EngineSpec) -> Account:
    if spec.is_source:  # it begins again where no reader is behind
        return Account(name=spec.name, publishes=tuple(Bus), reads_blobs=("position/*",))
    return Account(name=spec.name)


_RECORDER: Final = Account(
    name=RECORDER,
    publishes=(),
    trims=tuple(Bus),
    blobs=(f"position/{RECORDER}",),
    reads_blobs=("position/*",),
)
_READER: Final = Account(
    name=READER, publishes=(), blobs=(), reads_blobs=("checkpoint/*", "position/*", "dead-letter/*")
)
