"""A recording as the source of a run: its market records, as they were published, in the order they had.

What stood between the feed and the bus is not run again; engines meet the very records they met when the
recording was made. So the state that a live fleet reached, whatever was killed meanwhile, is that of its
recording replayed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from bus.records import KINDS, Array, Records
from bus.topics import Bus
from knotmeter.recorder import market_table
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.manifest import NAME, Manifest
from knotmeter.recorder.partitions import MARKET
from shared.engine import Engine
from shared.errors import DataError
from shared.spec import EngineSpec

SKIP_RECORDS: Final = 65_536
"""Records passed over at a time by `RecordedFlow.seek`."""


def manifest_in(path: str | Path) -> Path | None:
    """The manifest of the recording in a folder; None if there is none."""
    place = Path(path) / NAME
    return place if place.is_file() else None


class Nothing(msgspec.Struct):
    """The state of who only passes on."""


class PassOn(Engine[Nothing]):
    """A source that publishes what it is given."""

    def __init__(self) -> None:
        super().__init__(None, Nothing())

    def on_records(self, records: Records) -> Records:
        """The same slice, numbered from 1 as a source numbers what comes of a slice."""
        return records.numbered_from(1 - records.first_sequence)


class RecordedFlow:
    """The market records of a recording: a `shared.feed.Feed` that can be entered anywhere.

    Args:
        archive: stays open for as long as this is read.

    Raises:
        DataError: the recording does not hold every record from the first on.
    """

    rereadable = True

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        manifest = archive.manifest
        _check(archive.folder, manifest)
        self.n_records = sum(manifest.n_rows(f"{MARKET}/{kind}") for kind in KINDS)
        self.notes: list[str] = []
        """Sentences a user should be told; see `differences`."""
        if manifest.complete:
            self.n_records -= 1  # the clock that ends a feed, which the end of this one adds
        else:
            self.notes.append("the recording is not complete: what it holds by now is replayed")
        self._position = 0
        self._ready = Records({})
        self._lanes: dict[str, Iterator[Array]] = {}
        self._heads: dict[str, Array] = {}
        self._begin()

    @property
    def progress(self) -> float:
        """Fraction that was read."""
        return self._position / max(self.n_records, 1)

    def read(self, limit: int) -> Records:
        """The next records, at most ``limit``; an empty slice at the end.

        Raises:
            DataError: a file is damaged, or a record is missing.
        """
        limit = min(limit, self.n_records - self._position)
        if not len(self._ready):
            self._ready = self._next()
        if not (len(self._ready) and limit):
            return Records({})
        part, self._ready = self._ready.split_at_sequence(self._ready.first_sequence + limit)
        first, last = part.first_sequence, part.last_sequence
        if first != self._position + 1 or last != self._position + len(part):
            message = (
                f"`{self._archive.folder}`: expected every record from {self._position + 1} on, found "
                f"{len(part)} between {first} and {last}: what is missing was lost before it was recorded"
            )
            raise DataError(message)
        self._position = last
        return part

    def seek(self, sequence: int) -> None:
        """Continue after the record with this number; 0 is the beginning."""
        if sequence < self._position:
            self._begin()
        while self._position < sequence:
            if not len(self.read(min(SKIP_RECORDS, sequence - self._position))):
                message = (
                    f"`{self._archive.folder}`: expected {sequence} records, found {self._position}; "
                    "start again from the beginning"
                )
                raise DataError(message)

    def close(self) -> None:
        """The archive is closed by who opened it."""

    def _begin(self) -> None:
        self._position = 0
        self._ready = Records({})
        self._lanes = {kind: _slices(self._archive, kind) for kind in KINDS}
        self._heads = {}
        for kind in KINDS:
            self._advance(kind)

    def _advance(self, kind: str) -> None:
        head = next(self._lanes[kind], None)
        if head is None:
            self._heads.pop(kind, None)
        else:
            self._heads[kind] = head

    def _next(self) -> Records:
        """All records up to where the first of the heads ends."""
        if not self._heads:
            return Records({})
        last = min(int(head["sequence"][-1]) for head in self._heads.values())
        part, rest = Records(self._heads).split_at_sequence(last + 1)
        left = dict(rest)
        for kind in list(self._heads):
            if kind in left:
                self._heads[kind] = left[kind]
            else:
                self._advance(kind)
        return part


def check_order(manifest: Manifest, specs: Sequence[EngineSpec]) -> None:
    """See that the order in which engines took their inputs follows from the recording.

    Raises:
        DataError: it was recorded live, and an engine reads both buses.
    """
    if (manifest.session or {}).get("mode") != "live":
        return
    for spec in specs:
        if spec.record_kinds and any(edge.topic.bus is Bus.ENGINE_LOGIC for edge in spec.inputs):
            message = (
                f"Expected engines that read one bus, found `{spec.name}`, which reads both: a live engine "
                "takes its inputs as they arrive, and that order is not in the recording"
            )
            raise DataError(message)


def differences(manifest: Manifest, made_from: dict[str, str], specs: Sequence[EngineSpec]) -> list[str]:
    """Settings of engines with which the recorded session ran and this one does not, a sentence each."""
    before: dict[str, Any] = (manifest.session or {}).get("made_from", {})
    engines = tuple(f"{spec.name}." for spec in specs if not spec.is_source)
    changed = [
        name
        for name in {**before, **made_from}
        if name.startswith(engines) and before.get(name) != made_from.get(name) and before
    ]
    return [
        f"{name} was {before.get(name)} when this was recorded and is {made_from.get(name)}"
        for name in changed
    ]


def _check(folder: Path, manifest: Manifest) -> None:
    if manifest.dropped_before is not None:
        message = (
            f"`{folder}`: expected every record from the first on, found days before "
            f"{manifest.dropped_before} dropped"
        )
        raise DataError(message)
    if not any(manifest.n_rows(f"{MARKET}/{kind}") for kind in KINDS):
        message = f"`{folder}`: expected a recording with market records, found none"
        raise DataError(message)


def _slices(archive: Archive, kind: str) -> Iterator[Array]:
    tables = archive.tables(f"{MARKET}/{kind}")
    for epoch, array in chain.from_iterable(market_table.slices(kind, table) for table in tables):
        if epoch != 1:
            message = (
                f"`{archive.folder}`: expected one unbroken flow of records, found one that was begun anew "
                f"(epoch {epoch})"
            )
            raise DataError(message)
        yield array
