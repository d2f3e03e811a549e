"""The feed of a replay: files read a block at a time, as one flow that can be cut and entered anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bus.records import Records
from services.marketdata.adapter.detect import open_source
from services.marketdata.adapter.merge import Merge, cut
from services.marketdata.adapter.settings import FileSettings, ReadSettings
from services.marketdata.adapter.source import Source
from shared.errors import DataError

SKIP_RECORDS: Final = 65_536
"""Records passed over at a time by `Feed.seek`."""


def open_feed(defaults: ReadSettings, files: Sequence[FileSettings]) -> Feed:
    """Open files as one feed.

    Args:
        defaults: how files are read that do not say so themselves.
        files: the files, in the order that decides between records of equal times.

    Raises:
        DataError: a file cannot be read as what it is said to be; named with what to do.
    """
    if not files:
        message = "Expected at least one file to read, found none. Name one, or set `marketdata.files`."
        raise DataError(message)
    return Feed([open_source(file.over(defaults)) for file in files])


class Feed:
    """Input records of files, merged by time; their ``sequence`` is 1, 2, 3, … over the whole feed.

    Memory is bounded by a block of each file and what of them was merged and not yet read.
    """

    rereadable = True

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._weights = [Path(source.path).stat().st_size for source in sources]
        increments = _agreed(sources)
        for source in sources:
            source.roster.increments = increments
        self.notes = list(dict.fromkeys(note for source in sources for note in source.notes))
        """Sentences a user should be told about how the files were understood."""
        self.n_records = _total(sources)
        """Records in all, None if that is not known before reading."""
        self._merge = self._reading()
        self._ready = Records({})
        self._position = 0
        self._failure: DataError | None = None

    @property
    def progress(self) -> float:
        """Fraction of the files that was read, 0 to 1."""
        parts = zip(self._weights, self._sources, strict=True)
        return sum(weight * source.progress for weight, source in parts) / sum(self._weights)

    def read(self, limit: int) -> Records:
        """The next records, at most ``limit``; an empty slice at the end. Cutting has no meaning.

        Fewer than ``limit`` come where blocks meet, rather than a copy of both.

        Raises:
            DataError: what comes next cannot be read; the records before it have been given.
        """
        parts: list[Records] = []
        missing = limit
        while missing > limit // 2 and self._fill(may_fail=not parts):
            part, self._ready = cut(self._ready, missing)
            parts.append(part)
            missing -= len(part)
            self._position += len(part)
        return Records.joined(parts)

    def seek(self, sequence: int) -> None:
        """Continue after the record with this ordinal; 0 is the beginning.

        Raises:
            DataError: the feed has fewer records.
        """
        if sequence < self._position:
            self._begin_again()
        while self._position < sequence:
            if not len(self.read(min(SKIP_RECORDS, sequence - self._position))):
                paths = ", ".join(source.path for source in self._sources)
                message = (
                    f"{paths}: expected at least {sequence} records, found {self._position}. "
                    "The files are not those of the checkpoint; start again from the beginning."
                )
                raise DataError(message)

    def close(self) -> None:
        """Release the files."""
        self._merge.close()

    def _begin_again(self) -> None:
        self.close()
        self._merge = self._reading()
        self._ready = Records({})
        self._position = 0
        self._failure = None

    def _reading(self) -> Merge:
        for source in self._sources:
            source.progress = 0.0
        return Merge(self._sources)

    def _fill(self, *, may_fail: bool) -> bool:
        """Have merged records at hand; False at the end, or before a failure that has to wait."""
        if len(self._ready):
            return True
        if self._failure is None:
            try:
                self._ready = self._merge.next()
            except DataError as error:
                self._failure = error
        if self._failure is not None and may_fail:
            raise self._failure
        return len(self._ready) > 0


def _agreed(sources: Sequence[Source]) -> dict[str, int]:
    """Size increment of each instrument that suits all files: the finest."""
    found: dict[str, int] = {}
    for source in sources:
        for name, increment in source.surveyed_increments().items():
            found[name] = min(increment, found.get(name, increment))
    return found


def _total(sources: Sequence[Source]) -> int | None:
    counts = [source.n_records for source in sources]
    if None in counts or not all(source.has_all_instruments for source in sources):
        return None
    names = {name for source in sources for name in source.roster.ids}
    return sum(count for count in counts if count is not None) + len(names)
