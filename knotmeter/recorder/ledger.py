"""The ledger: the valid manifest, the numbers of segments, and the files that are no longer named.

A manifest is replaced after the files it names are on disk, and files go after the manifest that no longer
names them is on disk too. So a kill or a power cut at any point leaves one manifest with all of its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from knotmeter.recorder.disk import Disk, Lock
from knotmeter.recorder.manifest import NAME, Manifest, encode
from knotmeter.recorder.partitions import DATA_SETS

READERS_LOCK: Final = "readers.lock"
"""While somebody reads, segments that are no longer named stay."""

DRAFT: Final = f"{NAME}.new"

_SEGMENT: Final = re.compile(r"(\d{8,})\.parquet")


class Ledger:
    """What is promised on disk; `is_durable` says whether a power cut could still take the last of it."""

    def __init__(self, folder: Path, disk: Disk, manifest: Manifest) -> None:
        self.folder = folder
        self.disk = disk
        self.manifest = manifest
        self.is_durable = False
        self._unnamed: list[Path] = []
        named = {folder / name for name, _ in manifest.files()}
        found = {
            path: int(match[1]) for path in _segments(folder) if (match := _SEGMENT.fullmatch(path.name))
        }
        self._unnamed = [path for path in found if path not in named]
        self._last_number = max(found.values(), default=0)

    def next_number(self) -> int:
        """Number of a new segment; none is ever given twice, so what is to be removed is never in use."""
        self._last_number += 1
        return self._last_number

    def commit(self, manifest: Manifest, dropped: Iterable[str] = ()) -> None:
        """Make a manifest the valid one.

        If this fails and ``self.manifest`` is the new one all the same, it has its name already, and either
        may be found after a power cut: then no file of either may go.

        Args:
            manifest: the new one.
            dropped: files that it does not name any more, relative to the recording.

        Raises:
            OSError: the disk refuses.
        """
        draft = self.folder / DRAFT
        self.disk.write(draft, encode(manifest))
        self.disk.settle()  # the segments that it names, too
        self.disk.replace(draft, self.folder / NAME)
        self.manifest, self.is_durable = manifest, False
        self._unnamed += [self.folder / name for name in dropped]
        self.disk.settle()
        self.is_durable = True

    def sweep(self) -> None:
        """Remove what is no longer named, unless somebody reads it still.

        Raises:
            OSError: the disk refuses.
        """
        if not self._unnamed or not self.is_durable:
            return
        lock = Lock.take(self.folder / READERS_LOCK)
        if lock is None:
            return
        try:
            while self._unnamed:
                self.disk.remove(self._unnamed[-1])
                self.disk.remove_folder(self._unnamed.pop().parent)
        finally:
            lock.release()


def _segments(folder: Path) -> Iterable[Path]:
    """Every file in the places of segments."""
    return (path for data_set in DATA_SETS for path in (folder / data_set).rglob("*.parquet"))
