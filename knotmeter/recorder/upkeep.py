"""Upkeep of a recording: days that are too old are dropped, small segments are merged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from knotmeter.recorder import compaction
from knotmeter.recorder.compaction import Merge
from knotmeter.recorder.ledger import Ledger
from knotmeter.recorder.manifest import Manifest, Segment
from knotmeter.recorder.partitions import (
    DEAD_LETTERS,
    INSTRUMENTS,
    MARKET,
    data_set_of,
    date_text,
    day_in,
)
from shared.dead_letters import KEPT
from shared.errors import DataError
from shared.log import get_logger

MERGED_ROWS: Final = 1_048_576
"""Rows that are merged in one call."""

PAUSE: Final = 60
"""Calls for which nothing is merged after the disk has refused."""

QUIET: Final = 16
"""Calls after which a day that nothing was added to is taken to be over, if a later one has begun."""


class Upkeep:
    """Keeps a recording in few files and few days, a bounded piece of work at a time."""

    def __init__(self, ledger: Ledger, retention_days: float | None) -> None:
        self._ledger = ledger
        self._retention_days = retention_days
        self._merge: Merge | None = None
        self._turn = 0
        self._last_added: dict[str, int] = {}
        self._resting_until = 0
        self._damaged: set[str] = set()
        self._log = get_logger(recording=str(ledger.folder))

    def added(self, folders: Iterable[str]) -> None:
        """Note which partitions rows were added to."""
        self._last_added.update(dict.fromkeys(folders, self._turn))

    def run(self) -> None:
        """Do what is due; a disk that refuses puts it off and costs nothing else."""
        self._turn += 1
        try:
            self._retain()
            if self._turn >= self._resting_until:
                self._compact()
            self._ledger.sweep()
        except OSError as error:
            self._log.warning("tidying the recording is put off", error=str(error))
            self._resting_until = self._turn + PAUSE
            self.give_up()

    def give_up(self) -> None:
        """Forget a merge that is not done."""
        merge, self._merge = self._merge, None
        if merge is not None:
            try:
                merge.abandon()
            except OSError as error:
                self._log.warning("a file that nobody needs stays until the next start", error=str(error))

    def _retain(self) -> None:
        """Drop whole days that are too old, and the oldest dead letters of too many."""
        manifest = self._ledger.manifest
        segments = dict(manifest.segments)
        oldest = self._oldest_kept_day(manifest)
        if oldest is not None:
            for folder in manifest.segments:
                day = day_in(folder)
                if day is not None and day < oldest and data_set_of(folder) != INSTRUMENTS:
                    del segments[folder]
        letters = segments.get(DEAD_LETTERS, ())
        while sum(segment.n_rows for segment in letters[1:]) >= KEPT:
            letters = segments[DEAD_LETTERS] = letters[1:]
        if segments == manifest.segments:
            return
        days = [manifest.dropped_before or "", "" if oldest is None else date_text(oldest)]
        kept = msgspec.structs.replace(manifest, segments=segments, dropped_before=max(days) or None)
        names = {name for name, _ in kept.files()}
        if self._merge is not None and self._merge.run.folder not in segments:
            self.give_up()
        self._ledger.commit(kept, [name for name, _ in manifest.files() if name not in names])

    def _oldest_kept_day(self, manifest: Manifest) -> int | None:
        """The day before which everything goes; None while nothing is too old.

        The newest day is that of the market data, where there is any: no event can be of a later one, and one
        that says so must not cost the rest.
        """
        if self._retention_days is None:
            return None
        days: dict[bool, list[int]] = {True: [], False: []}
        for folder in manifest.segments:
            day = day_in(folder)
            if day is not None:
                days[folder.startswith(f"{MARKET}/")].append(day)
        newest = max(days[True] or days[False], default=None)
        if newest is None:
            return None
        kept = [day for day in {*days[True], *days[False]} if newest - day < self._retention_days]
        oldest = min(kept)
        return oldest if any(day < oldest for day in (*days[True], *days[False])) else None

    def _compact(self) -> None:
        budget = MERGED_ROWS
        while budget > 0 and (merge := self._next_merge()) is not None:
            try:
                n_rows = merge.step()
            except DataError as error:
                self._log.error("damaged segment", error=str(error))
                self._damaged.add(merge.run.folder)
                self.give_up()
                return
            budget -= n_rows
            if n_rows == 0:
                self._finish(merge)

    def _next_merge(self) -> Merge | None:
        if self._merge is None:
            ledger = self._ledger
            newest = _newest_days(ledger.manifest)
            run = compaction.due(
                ledger.manifest, lambda folder: self._is_quiet(folder, newest), self._damaged
            )
            if run is not None:
                self._merge = Merge(ledger.disk, ledger.folder, run, ledger.next_number())
        return self._merge

    def _finish(self, merge: Merge) -> None:
        made = merge.finish()
        manifest = self._ledger.manifest
        folder, run = merge.run
        kept = _replaced(manifest.segments[folder], run, made)
        changed = msgspec.structs.replace(manifest, segments={**manifest.segments, folder: kept})
        try:
            self._ledger.commit(changed, [f"{folder}/{segment.name}" for segment in run])
        finally:
            if self._ledger.manifest is changed:
                self._merge = None

    def _is_quiet(self, folder: str, newest: dict[str, int]) -> bool:
        day = day_in(folder)
        is_past = day is not None and day < newest[data_set_of(folder)]
        recently = self._turn - self._last_added.get(folder, -QUIET) < QUIET
        return (is_past or self._ledger.manifest.complete) and not recently


def _newest_days(manifest: Manifest) -> dict[str, int]:
    newest: dict[str, int] = {}
    for folder in manifest.segments:
        day = day_in(folder)
        if day is not None:
            data_set = data_set_of(folder)
            newest[data_set] = max(day, newest.get(data_set, day))
    return newest


def _replaced(segments: tuple[Segment, ...], run: tuple[Segment, ...], made: Segment) -> tuple[Segment, ...]:
    """Segments with a run among them replaced by the one it became."""
    place = segments.index(run[0])
    return (*segments[:place], made, *segments[place + len(run) :])
