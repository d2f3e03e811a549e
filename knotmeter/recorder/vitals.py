"""How the recorder stands: what a face shows beside its readiness."""

from __future__ import annotations

from typing import Any

import msgspec

from knotmeter.recorder.manifest import Manifest
from shared.face.subject import Vitals


class RecorderVitals(Vitals, frozen=True, kw_only=True):
    """How the recorder stands with its buses and its disk; a flush is its checkpoint."""

    n_records: dict[str, int] = msgspec.field(default_factory=dict)
    """Market records by kind."""
    n_events: dict[str, int] = msgspec.field(default_factory=dict)
    """Numbered events by type."""
    n_dead_letters: int = 0
    """Entries that could not be decoded."""
    n_missing: int = 0
    """Sequences that were never seen, of all producers."""
    n_segments: int = 0
    n_bytes: int = 0
    """Length of the recording's files."""
    held_back_by: dict[str, str | None] = msgspec.field(default_factory=dict)
    """Reader that keeps a bus from being trimmed further; None where nobody does."""
    complete: bool = False
    """Whether every source has promised that nothing more comes, and all of it is recorded."""


def vitals_of(manifest: Manifest, **others: Any) -> RecorderVitals:
    """Vitals with what a manifest promises, and other fields as given."""
    segments = [segment for _, segment in manifest.files()]
    return RecorderVitals(
        cursors={name: (cursor.epoch, cursor.sequence) for name, cursor in manifest.cursors.items()},
        positions=manifest.positions,
        n_records=manifest.n_records,
        n_events=manifest.n_events,
        n_dead_letters=manifest.n_dead_letters,
        n_missing=sum(manifest.n_missing.values()),
        n_segments=len(segments),
        n_bytes=sum(segment.n_bytes for segment in segments),
        complete=manifest.complete,
        **others,
    )
