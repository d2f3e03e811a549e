"""What a recording does to a disk: few kinds of steps, and one that makes them last.

A `Recording` is handed its `Disk`, so that tests can put one in its place which fills up, or loses power.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP: Final = 131_072
"""Most rows of a row group."""

MANY: Final = 64
"""Files and folders from which on syncing all at once is the faster way."""

_PLAIN: Final = frozenset({"payload", "content", "error"})
"""Columns whose values seldom repeat."""


class TableFile:
    """A Parquet file on its way to the disk."""

    def __init__(self, disk: Disk, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._disk = disk
        self._file = pa.OSFile(str(path), "wb")
        try:
            self._writer = pq.ParquetWriter(self._file, schema, **_encoding(schema))
        except OSError:
            with suppress(OSError):
                self._file.close()
            raise

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(table, row_group_size=ROW_GROUP)

    def finish(self) -> int:
        """End the file; returns its length, bytes. It lasts once the disk is settled."""
        self._writer.close()
        self._file.close()
        self._disk.owe(self.path, self.path.parent)
        return self.path.stat().st_size

    def abandon(self) -> None:
        """Give the file up; whoever began it removes it."""
        # Else the writer would try to write the file's end when it is forgotten, and fail once more.
        self._writer.is_open = False
        with suppress(OSError):
            self._file.close()


class Disk:
    """The real disk. What was made, written or renamed lasts once `settle` has returned."""

    def __init__(self) -> None:
        self._owed: dict[Path, None] = {}
        self._known: set[Path] = set()

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it."""
        if folder in self._known:
            return
        if not folder.is_dir():
            self.make_folder(folder.parent)
            self.make(folder)
        # Also where it was there already: whoever made it may have crashed before it was settled.
        self.owe(folder.parent)
        self._known.add(folder)

    def make(self, folder: Path) -> None:
        """Make one folder."""
        folder.mkdir(exist_ok=True)

    def open_table(self, path: Path, schema: pa.Schema) -> TableFile:
        """Begin a Parquet file."""
        try:
            return TableFile(self, path, schema)
        except OSError:
            self.remove(path)
            raise

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file."""
        with path.open("wb") as file:
            file.write(data)
        self.owe(path)

    def replace(self, former: Path, path: Path) -> None:
        """Give a file the name of another, which is gone then."""
        former.replace(path)
        self.owe(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is fine."""
        path.unlink(missing_ok=True)
        self._owed.pop(path, None)

    def remove_folder(self, folder: Path) -> None:
        """Remove a folder if it is empty."""
        with suppress(OSError):
            folder.rmdir()
            self._known.discard(folder)
            self._owed.pop(folder, None)

    def owe(self, *paths: Path) -> None:
        """Note files and folders whose content is to be synced."""
        self._owed.update(dict.fromkeys(paths))

    def settle(self) -> None:
        """Have on disk what is owed; what could not be synced is owed still."""
        if len(self._owed) > MANY:
            self.sync_all()
        while self._owed:
            path = next(iter(self._owed))
            self.sync(path)
            del self._owed[path]

    def sync(self, path: Path) -> None:
        """Have a file's content, or a folder's names, on disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_all(self) -> None:
        """Have the system write everything, so that many syncs, which alone tell of errors, find it done."""
        os.sync()


class Lock:
    """A lock on a file, which ends with the process that holds it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path) -> Lock | None:
        """Lock a file, which is made if need be; None if somebody else holds it."""
        descriptor = _open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    @classmethod
    def share(cls, path: Path) -> Lock:
        """Lock a file together with others who share it, once nobody holds it alone."""
        descriptor = _open_lock(path)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return cls(path, descriptor)

    def release(self) -> None:
        """Let others have it; harmless when it was released."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _encoding(schema: pa.Schema) -> dict[str, object]:
    """How each column is written: whole numbers by their differences, what repeats by its place in a list."""
    differences = {
        field.name for field in schema if pa.types.is_integer(field.type) and field.type.bit_width == 64
    }
    listed = [name for name in schema.names if name not in differences | _PLAIN]
    return {
        "use_dictionary": listed,
        "column_encoding": dict.fromkeys(differences, "DELTA_BINARY_PACKED"),
        "compression": "zstd",
        "compression_level": 1,
        "write_page_checksum": True,
    }
