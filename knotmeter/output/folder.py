"""The output folder of a run: built beside its place and moved there whole, or not at all.

While a run lasts its files are in ``DIR.partial``, where they only grow. A run that is stopped leaves them
there with a ``checkpoint.bin`` that says how long each was, so that going on begins with cutting off what
came later. A run that fails leaves nothing, or what the last stop left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from knotmeter.output.stop import CHECKPOINT, Stop, encode, read_stop, refuse, refuse_other_inputs
from shared.errors import OutputError

RUN: Final = "run.json"
"""What the run was; only a folder with this file is ever replaced."""

_LOCK: Final = "lock"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class OutputFolder:
    """Files of one run on their way to ``place``; used as a context that keeps nothing unless told to."""

    def __init__(self, place: Path, *, force: bool = False) -> None:
        self.place = place.resolve()
        self.partial = self.place.with_name(f"{self.place.name}.partial")
        self._force = force
        self._files: dict[str, BinaryIO] = {}
        self._lock: BinaryIO | None = None
        self._stopped: Stop | None = None
        self._discard = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._discard:
            self._abandon()
        if self._lock is not None:
            self._lock.close()

    def begin(self) -> None:
        """Make the partial folder anew.

        Raises:
            OutputError: the place is taken, or a stopped run waits to go on.
        """
        self._refuse_taken_place()
        if not self._force and self.path(CHECKPOINT).exists():
            refuse(
                f"`--output`: expected no stopped run, found one in `{self.partial}`",
                "go on with --resume, or begin anew with --force",
            )
        with self._writing():
            if self.partial.exists():
                self._refuse_strangers()
            else:
                self.partial.mkdir()
            self._take_lock()
            self._discard = True
            self._keep_only({})

    def resume(self, made_from: Mapping[str, str]) -> Stop:
        """Take up a stopped run, if it was made from the same things.

        Raises:
            OutputError: there is none, or it was made from something else.
        """
        self._refuse_taken_place()
        if not self.path(CHECKPOINT).exists():
            refuse(
                f"`--resume`: expected a stopped run in `{self.partial}`, found none",
                "leave out --resume to begin",
            )
        with self._writing():
            self._take_lock()
            stop = read_stop(self.partial)
            refuse_other_inputs(stop.made_from, made_from)
            self._keep_only(stop.lengths)
        self._stopped, self._discard = stop, True
        return stop

    def path(self, name: str) -> Path:
        """Where a file is while the run lasts."""
        return self.partial / name

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of a file."""
        with self._writing():
            file = self._files.get(name)
            if file is None:
                file = self._files[name] = self.path(name).open("ab", buffering=1 << 20)
            file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Path to write one whole file to; whatever goes wrong with the disk there is an `OutputError`."""
        with self._writing():
            yield self.path(name)

    def close_files(self) -> None:
        """Have all that was appended on disk."""
        with self._writing():
            while self._files:
                _, file = self._files.popitem()
                with file:
                    file.flush()
                    os.fsync(file.fileno())

    def stop(self, made_from: Mapping[str, str], counts: Mapping[str, int], image: bytes) -> None:
        """Leave the run as it is, to be resumed."""
        self.close_files()
        lengths = {path.name: path.stat().st_size for path in self._results()}
        stop = Stop(made_from=dict(made_from), lengths=lengths, counts=dict(counts), image=image)
        with self._writing():
            draft = self.path(f"{CHECKPOINT}.new")
            draft.write_bytes(encode(stop))
            _sync(draft)
            draft.replace(self.path(CHECKPOINT))
            _sync(self.partial)
        self._discard = False

    def finish(self) -> None:
        """Move the whole folder to its place."""
        self.close_files()
        with self._writing():
            for path in self._results():
                _sync(path)
            for name in (CHECKPOINT, _LOCK):
                self.path(name).unlink(missing_ok=True)
            _sync(self.partial)
            self._move()
            _sync(self.place.parent)
        self._discard = False

    def _results(self) -> list[Path]:
        return [path for path in sorted(self.partial.iterdir()) if path.name not in (CHECKPOINT, _LOCK)]

    def _refuse_taken_place(self) -> None:
        place = self.place
        if not place.parent.is_dir():
            refuse(
                f"`--output`: expected a place in an existing folder, found no `{place.parent}`", "make it"
            )
        if place.exists() and not place.is_dir():
            refuse(
                f"`--output`: expected a folder or nothing, found the file `{place}`", "name another place"
            )
        if not place.is_dir() or not any(place.iterdir()):
            return
        if not self._force:
            found = f"`--output`: expected an empty folder or nothing, found files in `{place}`"
            refuse(found, "name another place, or replace it with --force")
        if not (place / RUN).is_file():
            found = f"`--force`: expected the output of a run to replace, found no `{RUN}` in `{place}`"
            refuse(found, "name another place")

    def _refuse_strangers(self) -> None:
        """A folder of that name which no run has made is not ours to clear."""
        if not self.partial.is_dir() or (any(self.partial.iterdir()) and not self.path(_LOCK).exists()):
            found = (
                f"`--output`: expected nothing at `{self.partial}`, where results are built, found it taken"
            )
            refuse(found, "move that away, or name another place")

    def _take_lock(self) -> None:
        lock = self.path(_LOCK).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            refuse(
                f"`--output`: expected no other run there, found one writing `{self.partial}`", "let it end"
            )
        self._lock = lock

    def _keep_only(self, lengths: Mapping[str, int]) -> None:
        for path in self._results():
            if path.name in lengths:
                os.truncate(path, lengths[path.name])
            else:
                path.unlink()
        if not lengths:
            self.path(CHECKPOINT).unlink(missing_ok=True)

    def _abandon(self) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        if self._stopped is None:
            shutil.rmtree(self.partial, ignore_errors=True)
            return
        with suppress(OSError):
            self._keep_only(self._stopped.lengths)

    def _move(self) -> None:
        if not self.place.is_dir() or not any(self.place.iterdir()):
            self.partial.replace(self.place)
            return
        former = self.place.with_name(f"{self.place.name}.replaced")
        self.place.rename(former)
        try:
            self.partial.rename(self.place)
        except OSError:
            former.rename(self.place)
            raise
        shutil.rmtree(former, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(_told(error, self.place)) from error


def _told(error: OSError, place: Path) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        expected = f"`--output`: expected room for `{place}`, found none left ({reason})"
        return f"{expected}; nothing half-written was kept; free some space, or name a place on another disk"
    return f"`--output`: expected to write `{place}`, found: {reason}; nothing half-written was kept"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
