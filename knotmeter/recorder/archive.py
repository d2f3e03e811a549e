"""An archive: a recording that is read, as it stood when it was opened, even if it is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from knotmeter.recorder.data_sets import schema
from knotmeter.recorder.disk import Lock
from knotmeter.recorder.ledger import READERS_LOCK
from knotmeter.recorder.manifest import Manifest, read_manifest
from knotmeter.recorder.partitions import data_set_of
from knotmeter.recorder.segments import check, row_groups


class Archive:
    """Read-only view of a recording; while it is open, no file that it names is removed.

    Raises:
        DataError: the folder is no recording, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        read_manifest(folder)  # before a lock file is left in a folder that is none of ours
        self._lock = _shared_lock(folder)
        try:
            self.manifest: Manifest = read_manifest(folder)
            check(folder, self.manifest)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let files go that are no longer named."""
        if self._lock is not None:
            self._lock.release()

    def tables(self, data_set: str) -> Iterator[pa.Table]:
        """Rows of a data set: day after day, and within a day in the order in which they came."""
        for partition in self.manifest.partitions(data_set):
            yield from self.rows(partition)

    def rows(self, partition: str) -> Iterator[pa.Table]:
        """Rows of one partition in the order in which they came.

        Raises:
            DataError: a file is damaged.
        """
        columns = schema(data_set_of(partition))
        for segment in self.manifest.segments[partition]:
            yield from row_groups(self.folder, f"{partition}/{segment.name}", segment, columns)


def _shared_lock(folder: Path) -> Lock | None:
    try:
        return Lock.share(folder / READERS_LOCK)
    except OSError:
        return None  # where we may not write, nobody else is expected to
