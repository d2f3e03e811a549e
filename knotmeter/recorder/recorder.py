"""The recorder: takes the entries of both buses, keeps what is new, and hands it to the recording.

It is synchronous and knows no transport: entries in, files out. Between two flushes it only collects; what
was collected is promised when a flush has returned, and not before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

import msgspec

from bus import codec, frames
from bus.codec import Codec
from bus.cursors import Cursors
from bus.envelope import RawEvent
from bus.errors import DecodeError
from bus.topics import DEAD_LETTER, GAP, TOPICS, WATERMARK, Bus
from bus.transport import Entry, EntryId
from knotmeter.recorder import event_table
from knotmeter.recorder.batch import Batch
from knotmeter.recorder.manifest import KEPT_GAPS, Gap, Progress, Promise
from knotmeter.recorder.partitions import EVENTS, OPERATIONAL
from knotmeter.recorder.recording import Recording
from shared import dead_letters
from shared.log import get_logger

LARGEST_BATCH: Final = 64 * 1024 * 1024
"""A recorder that has collected so many bytes should be flushed before it takes more."""

_SOURCE: Final = Bus.MARKET_DATA.value
"""MarketData's producer, as a producer of events would be called."""

_OPERATIONAL: Final = frozenset(name for name, topic in TOPICS.items() if topic.operational)
_KEPT: Final = frozenset({GAP.name, DEAD_LETTER.name})
"""Operational events that are recorded; the others say how things are, and are old the next second."""


class Recorder:
    """Reader of both buses that turns them into batches, every message once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        progress = recording.manifest
        self._positions = {bus: progress.position(bus) for bus in Bus}
        self._cursors = Cursors(progress.cursors)
        self._promises = dict(progress.watermarks)
        self._n_records = Counter(progress.n_records)
        self._n_events = Counter(progress.n_events)
        self._n_operational = Counter(progress.n_operational)
        self._n_dead_letters = progress.n_dead_letters
        self._n_missing = Counter(progress.n_missing)
        self._n_gaps = progress.n_gaps
        self._gaps = deque(progress.gaps, KEPT_GAPS)
        self._codec = Codec([WATERMARK])
        self._collected = Batch()
        self._unwritten: Batch | None = None
        self._log = get_logger(recording=str(recording.folder))
        self.n_repeated = 0
        """Entries that had been recorded before."""

    @property
    def positions(self) -> Mapping[Bus, EntryId]:
        """Last entry taken of each bus; read above it."""
        return self._positions

    @property
    def is_full(self) -> bool:
        """Whether it should be flushed before it takes more."""
        return self._collected.n_bytes >= LARGEST_BATCH

    def rewind(self, bus: Bus, last: EntryId) -> None:
        """Read a bus from an earlier entry, because a restarted server has lost those after it."""
        self._positions[bus] = min(self._positions[bus], last)

    def receive(self, bus: Bus, entry: Entry) -> None:
        """Take one entry; one that was taken before is dropped."""
        if entry.id <= self._positions[bus]:
            self.n_repeated += 1
            return
        self._positions[bus] = entry.id
        try:
            if bus is Bus.MARKET_DATA:
                self._receive_frame(entry)
            else:
                self._receive_event(entry)
        except DecodeError as error:
            self._n_dead_letters += 1
            self._collected.add_letter(dead_letters.undecodable(bus, entry, error))

    def cut(self) -> Batch:
        """What was collected since the last cut, or again what has not been written yet.

        Hand it to `Recording.write` and then call `written`; entries may be received meanwhile.
        """
        if self._unwritten is None:
            self._unwritten, self._collected = self._collected, Batch()
            self._unwritten.progress = self.progress()
        return self._unwritten

    def written(self) -> None:
        """The batch of the last `cut` is on disk."""
        self._unwritten = None

    def flush(self) -> None:
        """Have everything that was received on disk.

        Raises:
            OutputError: the disk refuses; nothing is forgotten, and the next flush tries again.
        """
        while True:
            is_all = self._unwritten is None
            self.recording.write(self.cut())
            self.written()
            if is_all:
                break
        self.recording.tidy()

    def progress(self) -> Progress:
        """How far everything that was received gets the recording."""
        progress = Progress(
            positions={bus.value: str(entry_id) for bus, entry_id in self._positions.items()},
            cursors=dict(self._cursors.positions),
            watermarks=dict(self._promises),
            n_records=dict(self._n_records),
            n_events=dict(self._n_events),
            n_operational=dict(self._n_operational),
            n_dead_letters=self._n_dead_letters,
            n_missing=dict(self._n_missing),
            n_gaps=self._n_gaps,
            gaps=tuple(self._gaps),
        )
        complete = not progress.unfinished(self.recording.manifest.engines)
        return msgspec.structs.replace(progress, complete=complete)

    def _receive_frame(self, entry: Entry) -> None:
        where = f"{Bus.MARKET_DATA} {entry.id}"
        header, records = frames.decode(entry.fields, where)
        first = self._admit(_SOURCE, header.epoch, (header.first_sequence, header.last_sequence), where)
        if first is None:
            return
        new = records if first == header.first_sequence else records.split_at_sequence(first)[1]
        self._collected.add_records(header.epoch, new)
        for kind, array in new:
            self._n_records[kind] += len(array)
        self._promise(_SOURCE, header.epoch, header.watermark)

    def _receive_event(self, entry: Entry) -> None:
        where = f"{Bus.ENGINE_LOGIC} {entry.id}"
        event = codec.decode_envelope(entry.fields.get("e", b""), where)
        event_table.check(event, where)
        if event.type in _OPERATIONAL:
            self._receive_operational(event, where)
        elif self._admit(event.source, event.epoch, (event.sequence, event.sequence), where) is not None:
            self._collected.add_event(EVENTS, event)
            self._n_events[event.type] += 1

    def _receive_operational(self, event: RawEvent, where: str) -> None:
        """These have no number: each is taken as often as it was said."""
        if event.type == WATERMARK.name:
            payload = self._codec.decode_payload(event, where).payload
            self._promise(event.source, event.epoch, payload.watermark)
        elif event.type in _KEPT:
            self._collected.add_event(OPERATIONAL, event)
            self._n_operational[event.type] += 1

    def _admit(self, producer: str, epoch: int, span: tuple[int, int], where: str) -> int | None:
        """The first sequence of a span that is new, None if none is; what was skipped is noted."""
        if span[0] < 1:
            raise DecodeError("sequences of 1 or more", str(span[0]), where)
        first = self._cursors.admit(producer, epoch, *span)
        if first is None:
            self.n_repeated += 1
        elif self._cursors.missing:
            self._note_gaps(epoch)
        return first

    def _note_gaps(self, epoch: int) -> None:
        for producer, first, last in self._cursors.take_missing():
            self._n_gaps += 1
            self._n_missing[producer] += last - first + 1
            gap = Gap(producer=producer, epoch=epoch, first_sequence=first, last_sequence=last)
            self._gaps.append(gap)
            self._log.warning("gap", **msgspec.structs.asdict(gap))

    def _promise(self, source: str, epoch: int, watermark: int) -> None:
        known = self._promises.get(source)
        if known is None or (epoch, watermark) > (known.epoch, known.watermark):
            self._promises[source] = Promise(epoch, watermark)
