"""Disks that fail: one that refuses, one cut off at any step, one that forgets what was not synced."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from knotmeter.recorder.disk import Disk, TableFile


class PowerCut(BaseException):
    """The process has ended at this step; nothing catches it."""


class StepDisk(Disk):
    """A disk that calls back before each step."""

    def __init__(self, before: Callable[[str], None]) -> None:
        super().__init__()
        self._before = before

    def make(self, folder: Path) -> None:
        """Make one folder."""
        self._before("make")
        super().make(folder)

    def open_table(self, path: Path, schema: pa.Schema) -> TableFile:
        """Begin a Parquet file."""
        self._before("open")
        made = super().open_table(path, schema)
        write = made.write

        def guarded(table: pa.Table) -> None:
            self._before("write")
            write(table)

        made.write = guarded  # type: ignore[method-assign]  # the one seam inside a file
        return made

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file, and half of it before the step that may fail."""
        path.write_bytes(data[: len(data) // 2])
        self._before("write")
        super().write(path, data)

    def replace(self, former: Path, path: Path) -> None:
        """Rename a file."""
        self._before("replace")
        super().replace(former, path)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        self._before("remove")
        super().remove(path)

    def sync_all(self) -> None:
        """Nothing: it only makes the syncs that follow fast."""

    def sync(self, path: Path) -> None:
        """Sync a file or a folder."""
        self._before("sync")
        path.stat()  # a real sync would be slow, and what it is for is tested by `ForgetfulDisk`


class QuickDisk(StepDisk):
    """A disk that works, and does not wait for the platters."""

    def __init__(self) -> None:
        super().__init__(lambda _kind: None)


class FullDisk(StepDisk):
    """A disk that has no room while ``is_full``, from one kind of step on."""

    def __init__(self, kind: str) -> None:
        super().__init__(self._refuse)
        self.kind = kind
        self.is_full = False
        self.n_refused = 0

    def _refuse(self, kind: str) -> None:
        if self.is_full and kind == self.kind:
            self.n_refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class MortalDisk(StepDisk):
    """A disk whose process ends before its step number ``n_steps``, and does nothing any more."""

    def __init__(self, n_steps: int) -> None:
        super().__init__(self._count)
        self.n_left = n_steps

    def _count(self, _kind: str) -> None:
        self.n_left -= 1
        if self.n_left < 0:
            raise PowerCut


class ForgetfulDisk(MortalDisk):
    """A mortal disk that, when power is lost, may forget whatever was not synced: contents and names."""

    def __init__(self, n_steps: int) -> None:
        super().__init__(n_steps)
        self._unsynced: set[Path] = set()
        self._undo: dict[Path, list[Callable[[], Any]]] = {}

    def make(self, folder: Path) -> None:
        """Make one folder."""
        super().make(folder)
        self._note(folder.parent, lambda: shutil.rmtree(folder, ignore_errors=True))

    def open_table(self, path: Path, schema: pa.Schema) -> TableFile:
        """Begin a Parquet file."""
        made = super().open_table(path, schema)
        self._unsynced.add(path)
        self._note(path.parent, lambda: path.unlink(missing_ok=True))
        return made

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file."""
        self._unsynced.add(path)
        self._note(path.parent, lambda: path.unlink(missing_ok=True))
        super().write(path, data)

    def replace(self, former: Path, path: Path) -> None:
        """Rename a file; without a sync of the folder the old one may be there again."""
        content = path.read_bytes() if path.exists() else None
        super().replace(former, path)
        if former in self._unsynced:
            self._unsynced.discard(former)
            self._unsynced.add(path)
        self._note(path.parent, lambda: _restore(path, content))

    def remove(self, path: Path) -> None:
        """Remove a file; without a sync of the folder it may be there again."""
        content = path.read_bytes() if path.exists() else None
        super().remove(path)
        self._note(path.parent, lambda: _restore(path, content))

    def sync(self, path: Path) -> None:
        """Sync a file or a folder."""
        super().sync(path)
        self._unsynced.discard(path)
        self._undo.pop(path, None)

    def lose_power(self, generator: random.Random) -> None:
        """Forget some of what was not synced."""
        for path in self._unsynced:
            if path.exists():
                os.truncate(path, generator.randint(0, path.stat().st_size))
        for undo in self._undo.values():
            for step in reversed(undo):
                if generator.random() < 0.5:
                    step()

    def _note(self, folder: Path, undo: Callable[[], Any]) -> None:
        self._undo.setdefault(folder, []).append(undo)


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    elif path.parent.is_dir():
        path.write_bytes(content)
