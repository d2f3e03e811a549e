"""Export: the folder that `knotmeter replay --output` would have left, made from a recording.

`events.jsonl` is the canonical log, byte for byte, whatever the processes, crashes and restarts of the
session; tables and dead letters follow from it and from the market records. Only `run.json` differs: it says
what the recording knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from bus.codec import Codec
from bus.errors import DecodeError
from bus.records import Array
from bus.topics import TOPICS, Bus, Topic
from knotmeter.cli.progress import Meter
from knotmeter.cli.terminal import standard_error
from knotmeter.output.folder import OutputFolder
from knotmeter.output.result import write_letters, write_run
from knotmeter.output.tables import EVENTS, raw_name, write_event_tables, write_market_tables
from knotmeter.recorder import market_table, partitions
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.canonical import in_order
from knotmeter.recorder.manifest import Manifest
from knotmeter.recorder.set_aside import SetAside
from knotmeter.session import Letters
from shared import registry
from shared.errors import DataError
from shared.event_log import line
from shared.fleet_settings import RECORDER
from shared.instruments import Instruments

CHUNK: Final = 4_096
"""Events between two looks at the progress."""

OnRows = Callable[[int], None]
"""Told how many rows were taken since it was told last."""


class Exported(NamedTuple):
    """What an export has found."""

    manifest: Manifest
    counts: dict[str, int]
    """Events by type."""
    letters: Letters
    """Dead letters that were kept, each with who set it aside."""
    n_letters: dict[str, int]
    """Dead letters in all, by who set them aside."""
    notes: list[str]
    """Sentences about what the folder lacks."""


def export(recording: Path, output: OutputFolder, *, quiet: bool = False) -> Exported:
    """Fill an output folder that has begun; whoever began it finishes it.

    Args:
        recording: folder of the recording; it may still be written.
        output: where the results go.
        quiet: show no progress.

    Raises:
        DataError: the folder is no recording, or a damaged one.
        OutputError: the results cannot be written.
    """
    with Archive(recording) as archive:
        set_aside = SetAside()
        rows = _Rows(archive.manifest)
        with Meter(standard_error(), rows, quiet=quiet, label="export") as meter:

            def on_rows(count: int) -> None:
                rows.done += count
                meter.on_chunk(rows.done)

            notes = _take_records(archive, output, on_rows)
            counts = _take_events(archive, output, set_aside, on_rows)
        output.close_files()
        write_market_tables(output)
        write_event_tables(output, _topics(archive.manifest, counts))
        set_aside.learn(archive)
    found = Exported(archive.manifest, counts, set_aside.letters(), dict(set_aside.counts), notes)
    write_letters(output, found.letters)
    write_run(output, _run(found))
    return found


class _Rows:
    """How many rows there are to take, and how many were."""

    def __init__(self, manifest: Manifest) -> None:
        taken = (partitions.INSTRUMENTS, partitions.BARS, partitions.EVENTS)
        self.n_records = sum(manifest.n_rows(data_set) for data_set in taken)
        self.done = 0

    @property
    def progress(self) -> float:
        """Fraction done."""
        return self.done / max(self.n_records, 1)


def _take_records(archive: Archive, output: OutputFolder, on_rows: OnRows) -> list[str]:
    """Append definitions and bars as a run does; returns what had to be left out."""
    instruments = Instruments()
    for records in _records(archive, "instrument"):
        _learn(instruments, records, archive)
        output.append(raw_name("instrument"), records.tobytes())
        on_rows(len(records))
    n_unknown = 0
    for records in _records(archive, "bar"):
        known = records[records["instrument"] < len(instruments)]
        n_unknown += len(records) - len(known)
        if len(known):
            output.append(raw_name("bar"), known.tobytes())
        on_rows(len(records))
    if not n_unknown:
        return []
    return [f"{n_unknown:,} bars are left out: the recording lacks the definitions of their instruments"]


def _take_events(
    archive: Archive, output: OutputFolder, set_aside: SetAside, on_rows: OnRows
) -> dict[str, int]:
    """Append the canonical log; returns how many events of each type that were."""
    codec = Codec(_known_topics().values())
    counts: Counter[str] = Counter()
    output.append(EVENTS, b"")
    waiting = 0
    for event in in_order(archive, output.writing):
        where = f"{event.type} {event.source} {event.epoch}-{event.sequence}"
        try:
            if codec.knows(event.type):
                codec.decode_payload(event, where)
            text = line(event)
        except (DecodeError, msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            set_aside.add_event(event, error)
        else:
            output.append(EVENTS, text + b"\n")
            counts[event.type] += 1
        waiting += 1
        if waiting == CHUNK:
            on_rows(waiting)
            waiting = 0
    on_rows(waiting)
    return dict(sorted(counts.items()))


def _records(archive: Archive, kind: str) -> Iterator[Array]:
    for table in archive.tables(f"{partitions.MARKET}/{kind}"):
        for _, records in market_table.slices(kind, table):
            yield records


def _learn(instruments: Instruments, records: Array, archive: Archive) -> None:
    try:
        instruments.learn(records)
    except (ValueError, UnicodeDecodeError) as error:
        message = (
            f"`{archive.folder}`: expected the definition of every instrument, found a recording that lacks "
            f"some or contradicts itself: {error}"
        )
        raise DataError(message) from error


def _topics(manifest: Manifest, counts: dict[str, int]) -> list[Topic]:
    """Topics that get a table: those of the session's engines, and what else was said."""
    names = set(counts)
    for name, spec in registry.engines().items():
        if name in manifest.engines or spec.is_source:
            names.update(topic.name for topic in spec.publishes)
    return [topic for name, topic in sorted(_known_topics().items()) if name in names]


def _known_topics() -> dict[str, Topic]:
    """Topics of numbered events by name."""
    published = [topic for spec in registry.engines().values() for topic in spec.publishes]
    return {
        topic.name: topic
        for topic in (*TOPICS.values(), *published)
        if topic.bus is Bus.ENGINE_LOGIC and not topic.operational
    }


def _run(found: Exported) -> dict[str, Any]:
    """What the recording knows of its session; nothing in it says when or where."""
    manifest = found.manifest
    return {
        "versions": manifest.versions,
        "session": manifest.session,
        "engines": manifest.engines,
        "complete": manifest.complete,
        "unfinished": manifest.unfinished(manifest.engines),
        "market_records": manifest.n_records,
        "events": found.counts,
        "dead_letters": {**dict.fromkeys(manifest.engines, 0), **found.n_letters},
        "missing": {RECORDER: sum(manifest.n_missing.values())},
        "gaps": manifest.gaps,
        "cursors": manifest.cursors,
        "dropped_before": manifest.dropped_before,
        "notes": found.notes,
    }
