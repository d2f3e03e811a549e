"""Compaction: which small segments are merged into a larger one, and the merging, a row group at a time.

Segments of a partition are merged like the digits of a counter: sixteen neighbours of one level become one
of the next. So a day of flushes each second leaves some dozens of files, and a row is written a handful of
times. A partition that nothing is added to any more is merged down to as few as there can be.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from knotmeter.recorder.data_sets import FINAL_BYTES, final_rows, is_final, schema
from knotmeter.recorder.disk import ROW_GROUP, Disk
from knotmeter.recorder.manifest import Manifest, Segment
from knotmeter.recorder.partitions import data_set_of
from knotmeter.recorder.segments import row_groups

FAN_IN: Final = 16
"""Neighbours of one level that become one of the next."""

GROUP_BYTES: Final = 32 * 1024 * 1024
"""A row group is written when it holds so many bytes, if it is not full before."""


class Run(NamedTuple):
    """Neighbouring segments of a partition that become one."""

    folder: str
    segments: tuple[Segment, ...]


def due(manifest: Manifest, quiet: Callable[[str], bool], passed_over: Container[str]) -> Run | None:
    """The next segments to merge, None if there are none.

    Args:
        manifest: of the recording.
        quiet: whether nothing is expected to be added to a partition any more.
        passed_over: partitions that are left alone.
    """
    for folder, segments in manifest.segments.items():
        if len(segments) > 1 and folder not in passed_over:
            run = _full(folder, segments) or (_rest(folder, segments) if quiet(folder) else None)
            if run is not None:
                return run
    return None


class Merge:
    """A run on its way into one segment; the run stays as it is until the manifest says otherwise."""

    def __init__(self, disk: Disk, recording: Path, run: Run, number: int) -> None:
        self.run = run
        self._disk = disk
        self._recording = recording
        level = 1 + max(segment.level for segment in run.segments)
        self._made = Segment(number=number, n_rows=0, n_bytes=0, level=level)
        self.path = recording / run.folder / self._made.name
        self._schema = schema(data_set_of(run.folder))
        self._file = disk.open_table(self.path, self._schema)
        self._tables = self._read()
        self._waiting: list[pa.Table] = []

    def step(self) -> int:
        """Take one row group; returns its rows, 0 at the end.

        Raises:
            DataError: a segment is damaged.
            OSError: the disk refuses.
        """
        read = next(self._tables, None)
        if read is None:
            self._write()
            return 0
        self._waiting.append(read)
        n_rows = sum(table.num_rows for table in self._waiting)
        if n_rows >= ROW_GROUP or sum(table.nbytes for table in self._waiting) >= GROUP_BYTES:
            self._write()
        return int(read.num_rows)

    def finish(self) -> Segment:
        """The merged segment, on disk."""
        return Segment(
            number=self._made.number,
            n_rows=sum(segment.n_rows for segment in self.run.segments),
            n_bytes=self._file.finish(),
            level=self._made.level,
        )

    def abandon(self) -> None:
        """Forget what was merged."""
        self._tables.close()
        self._file.abandon()
        self._disk.remove(self.path)

    def _read(self) -> Generator[pa.Table]:
        for segment in self.run.segments:
            yield from row_groups(self._recording, f"{self.run.folder}/{segment.name}", segment, self._schema)

    def _write(self) -> None:
        if self._waiting:
            self._file.write(pa.concat_tables(self._waiting))
            self._waiting = []


def _full(folder: str, segments: tuple[Segment, ...]) -> Run | None:
    """Neighbours of one level that are enough to be merged."""
    data_set = data_set_of(folder)
    for level, group in groupby(segments, lambda one: None if is_final(data_set, one) else one.level):
        if level is not None:
            run = _enough(data_set, tuple(group)[:FAN_IN])
            if len(run) == FAN_IN or (len(run) > 1 and _is_large(data_set, run)):
                return Run(folder, run)
    return None


def _rest(folder: str, segments: tuple[Segment, ...]) -> Run | None:
    """Neighbours of any level that can still be merged."""
    data_set = data_set_of(folder)
    for final, group in groupby(segments, lambda one: is_final(data_set, one)):
        run = _enough(data_set, tuple(group))
        if not final and len(run) > 1:
            return Run(folder, run)
    return None


def _enough(data_set: str, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The first segments, as many as make a final one; all of them if they do not."""
    for count in range(1, len(segments)):
        if _is_large(data_set, segments[:count]):
            return segments[:count]
    return segments


def _is_large(data_set: str, segments: tuple[Segment, ...]) -> bool:
    n_rows = sum(segment.n_rows for segment in segments)
    return n_rows >= final_rows(data_set) or sum(segment.n_bytes for segment in segments) >= FINAL_BYTES
