"""A recording that is being written: batches go in, each whole or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from knotmeter.recorder.batch import Batch
from knotmeter.recorder.disk import Disk, Lock
from knotmeter.recorder.ledger import DRAFT, READERS_LOCK, Ledger
from knotmeter.recorder.manifest import NAME, Manifest, Segment, read_manifest
from knotmeter.recorder.segments import check
from knotmeter.recorder.upkeep import Upkeep
from shared.errors import OutputError

WRITER_LOCK: Final = "writer.lock"

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is agreed about a recording before it is opened."""

    session_id: str | None = None
    """Session that it must be of, if it has begun already; None takes any."""
    session: dict[str, Any] | None = None
    """What is known of the session, kept in the manifest for whoever exports it."""
    engines: tuple[str, ...] = ()
    """Engines of the fleet that are not the source."""
    versions: dict[str, str] = {}
    """What computes, by name."""
    retention_days: float | None = None
    """Days that are kept, counted from the newest; all if None."""


class Recording:
    """The one writer of a recording; not for two threads at a time."""

    def __init__(self, ledger: Ledger, lock: Lock, retention_days: float | None) -> None:
        self._ledger = ledger
        self._lock = lock
        self._upkeep = Upkeep(ledger, retention_days)
        self._last: Batch | None = None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._ledger.folder

    @property
    def manifest(self) -> Manifest:
        """What is promised."""
        return self._ledger.manifest

    @classmethod
    def open(cls, folder: Path, terms: Terms | None = None, disk: Disk | None = None) -> Recording:
        """Take up a recording, or begin one in a folder that is empty or not there.

        Raises:
            OutputError: the folder is taken, somebody else writes it, or the disk refuses.
            DataError: the recording is damaged, or of another layout.
        """
        terms, disk, folder = terms or Terms(), disk or Disk(), folder.absolute()
        with _told(folder):
            disk.make_folder(folder)
            lock = Lock.take(folder / WRITER_LOCK)
            if lock is None:
                message = f"`{folder}`: expected no other recorder there, found one writing; stop it first"
                raise OutputError(message)
            try:
                manifest = _taken_up(folder, terms) if (folder / NAME).exists() else _begun(folder, terms)
                ledger = Ledger(folder, disk, manifest)
                ledger.commit(manifest)
                ledger.sweep()
            except BaseException:
                lock.release()
                raise
        return cls(ledger, lock, terms.retention_days)

    def close(self) -> None:
        """Let others write the folder; what was not written is forgotten."""
        self._upkeep.give_up()
        self._lock.release()

    def write(self, batch: Batch) -> None:
        """Add a batch: when this returns, it is there for good. One that failed can be handed in again.

        Raises:
            OutputError: the disk refuses; what was promised before is there, and nothing else.
        """
        with _told(self.folder):
            if batch is not self._last:
                self._add(batch)
            elif not self._ledger.is_durable:
                self._ledger.commit(self.manifest)

    def tidy(self) -> None:
        """Drop what is too old and merge what is small; a disk that refuses only puts it off."""
        self._upkeep.run()

    def _add(self, batch: Batch) -> None:
        made: list[Path] = []
        added: dict[str, Segment] = {}
        try:
            for folder, table in batch.tables():
                number = self._ledger.next_number()
                segment = Segment(number=number, n_rows=table.num_rows, n_bytes=0)
                made.append(self.folder / folder / segment.name)
                n_bytes = self._write_table(made[-1], table)
                added[folder] = msgspec.structs.replace(segment, n_bytes=n_bytes)
            self._promise(batch, added)
        except OSError:
            if batch is not self._last:
                for path in made:
                    with suppress(OSError):
                        self._ledger.disk.remove(path)
            raise
        self._upkeep.added(added)

    def _promise(self, batch: Batch, added: dict[str, Segment]) -> None:
        former = self.manifest
        segments = dict(former.segments)
        for folder, segment in added.items():
            segments[folder] = (*segments.get(folder, ()), segment)
        progress = msgspec.structs.asdict(batch.progress)
        manifest = msgspec.structs.replace(former, **progress, segments=segments)
        try:
            if manifest != former or not self._ledger.is_durable:
                self._ledger.commit(manifest)
        finally:
            if self.manifest is manifest:
                self._last = batch

    def _write_table(self, path: Path, table: pa.Table) -> int:
        disk = self._ledger.disk
        disk.make_folder(path.parent)
        file = disk.open_table(path, table.schema)
        try:
            file.write(table)
            return file.finish()
        except BaseException:
            file.abandon()
            raise


def _begun(folder: Path, terms: Terms) -> Manifest:
    """The manifest of a recording that begins.

    Raises:
        OutputError: the folder holds something else.
    """
    ours = {WRITER_LOCK, READERS_LOCK, DRAFT}
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if strangers:
        message = (
            f"`{folder}`: expected a recording or an empty folder, found {', '.join(strangers[:3])} and no "
            f"`{NAME}`; name another folder"
        )
        raise OutputError(message)
    return Manifest(
        session_id=terms.session_id or uuid.uuid4().hex,
        session=terms.session,
        versions=terms.versions,
        engines=terms.engines,
    )


def _taken_up(folder: Path, terms: Terms) -> Manifest:
    """The manifest of a recording that goes on.

    Raises:
        OutputError: it is of another session.
        DataError: it is damaged, or of another layout.
    """
    manifest = read_manifest(folder)
    if terms.session_id not in (None, manifest.session_id):
        message = (
            f"`{folder}`: expected the recording of session {terms.session_id}, found that of "
            f"{manifest.session_id}; name another folder, or move this one away"
        )
        raise OutputError(message)
    check(folder, manifest)
    return msgspec.structs.replace(
        manifest,
        engines=terms.engines or manifest.engines,
        session=manifest.session if terms.session is None else terms.session,
    )


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Whatever the disk refuses is an `OutputError` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _FULL:
            message = (
                f"`{folder}`: expected room for the recording, found none left ({reason}); free some space"
            )
        else:
            message = f"`{folder}`: expected to write the recording, found: {reason}; make it writable"
        raise OutputError(message) from error
