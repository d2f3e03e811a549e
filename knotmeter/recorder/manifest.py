"""The manifest: which segments are a recording's, and how far it has got. The one truth about a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bus.cursors import Cursor
from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from knotmeter.recorder.partitions import data_set_of
from shared.errors import DataError

NAME: Final = "manifest.json"
FORMAT: Final = 1
"""Layout of a recording."""

KEPT_GAPS: Final = 1_000
"""Gaps that a manifest lists, the newest; all of them are counted."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file of a partition."""

    number: int
    n_rows: int
    n_bytes: int
    level: int = 0
    """How often its oldest rows were merged: 0 as they were flushed."""

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"{self.number:08}.parquet"


class Promise(msgspec.Struct, frozen=True):
    """How far a source has got, said in one of its epochs."""

    epoch: int
    watermark: int


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Sequences of a producer that were never seen; first and last, both included."""

    producer: str
    epoch: int
    first_sequence: int
    last_sequence: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a recording has got; producers and sources by name, MarketData's as ``md``."""

    positions: dict[str, str] = {}
    """Last entry recorded of each bus."""
    cursors: dict[str, Cursor] = {}
    """Last sequence recorded of each producer."""
    watermarks: dict[str, Promise] = {}
    """What each source has promised."""
    complete: bool = False
    """Whether every source has promised that nothing more comes."""
    n_records: dict[str, int] = {}
    """Market records by kind."""
    n_events: dict[str, int] = {}
    """Numbered events by type."""
    n_operational: dict[str, int] = {}
    """Recorded operational events by type."""
    n_dead_letters: int = 0
    """Entries that could not be decoded."""
    n_missing: dict[str, int] = {}
    """Sequences that were never seen, by producer."""
    n_gaps: int = 0
    gaps: tuple[Gap, ...] = ()
    """The newest gaps."""

    def position(self, bus: Bus) -> EntryId:
        """Last entry recorded of a bus."""
        text = self.positions.get(bus.value)
        return BEGINNING if text is None else EntryId.parse(text)

    def unfinished(self, engines: tuple[str, ...]) -> list[str]:
        """Sources of a fleet that have not yet promised that nothing more comes."""
        sources = (Bus.MARKET_DATA.value, *engines)
        said = {source: promise.watermark for source, promise in self.watermarks.items()}
        return [source for source in sources if said.get(source) != END_OF_TIME]


class Manifest(Progress, frozen=True, kw_only=True):
    """Everything a recording consists of."""

    format: int = FORMAT
    session_id: str
    session: dict[str, Any] | None = None
    """What whoever began the recording knew of the session; None if nobody said."""
    versions: dict[str, str] = {}
    """What it was begun with."""
    engines: tuple[str, ...] = ()
    """Engines whose promise a complete recording needs: those of the fleet that are not the source."""
    dropped_before: str | None = None
    """Days before this one were dropped, because they were too old."""
    segments: dict[str, tuple[Segment, ...]] = {}
    """Segments of each partition, in the order in which their rows came."""

    def files(self) -> Iterator[tuple[str, Segment]]:
        """Path of every segment, relative to the recording."""
        for folder, segments in self.segments.items():
            for segment in segments:
                yield f"{folder}/{segment.name}", segment

    def partitions(self, data_set: str) -> list[str]:
        """Partitions of a data set that have a segment, in the order of their days."""
        # ISO dates of four-digit years sort as texts.
        return sorted(folder for folder in self.segments if data_set_of(folder) == data_set)

    def n_rows(self, data_set: str) -> int:
        """Rows of a data set."""
        return sum(segment.n_rows for name in self.partitions(data_set) for segment in self.segments[name])


class _Head(msgspec.Struct):
    format: int


def encode(manifest: Manifest) -> bytes:
    """A manifest as the content of its file."""
    return msgspec.json.encode(manifest) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a recording.

    Raises:
        DataError: the folder holds none, a damaged one, or one of another layout.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        message = f"`{folder}`: expected a recording with a `{NAME}`, found: {reason}; name its folder"
        raise DataError(message) from error
    try:
        layout = msgspec.json.decode(data, type=_Head).format
        if layout == FORMAT:
            return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        message = f"`{path}`: expected the manifest of a recording, found a damaged one: {error}"
        raise DataError(message) from error
    message = (
        f"`{path}`: expected layout {FORMAT} of a recording, found {layout}; use the version that made it"
    )
    raise DataError(message)
