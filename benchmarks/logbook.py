"""What passed over both buses in one session, and when: how fast it went, how old each answer was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import AnswerError
from bus import codec, frames
from bus.envelope import RawEvent
from bus.frames import Fields
from bus.messages.control import Watermark
from bus.records import END_OF_TIME, START_OF_TIME
from bus.topics import TOPICS, WATERMARK


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What a frame said of itself."""

    first_sequence: int
    last_sequence: int
    watermark: int
    ts_publish: int


class Span(NamedTuple):
    """How the engine fared that was the last to finish."""

    began_ns: int
    """Wall time at which it had handled what came first, or began if that was all, ns."""
    ended_ns: int
    """Wall time at which it had handled everything, ns."""
    n_records: int
    """Records that were handled in between."""


class Logbook(msgspec.Struct, frozen=True):
    """Heads of all frames of MarketData and all events of Engine Logic, in order."""

    frames: list[Frame]
    events: list[bytes]

    @classmethod
    def of(cls, market_data: Iterable[Fields], engine_logic: Iterable[Fields]) -> Self:
        """Keep what entries of both buses say."""
        heads = (frames.decode(fields, "md")[0] for fields in market_data)
        kept = [
            Frame(head.first_sequence, head.last_sequence, head.watermark, head.ts_publish) for head in heads
        ]
        return cls(kept, [bytes(fields["e"]) for fields in engine_logic])

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` left."""
        return msgspec.msgpack.decode(file.read_bytes(), type=cls)

    def write(self, file: Path) -> None:
        """Leave it for another process."""
        file.write_bytes(msgspec.msgpack.encode(self))

    def span(self) -> Span:
        """From the first promise of the engine that was the last to finish, to its last.

        Raises:
            AnswerError: an engine has not finished.
        """
        promises = self._promises()
        unfinished = [name for name, said in promises.items() if said[-1][1] != END_OF_TIME]
        if unfinished or not promises:
            message = f"expected every engine to finish, found unfinished: {unfinished or 'all'}"
            raise AnswerError(message)
        said = max(promises.values(), key=lambda said: said[-1][0])
        began, first = said[0]
        if len(said) == 1:  # it handled everything at once
            began, first = self.frames[0].ts_publish, START_OF_TIME
        n_first = max((one.last_sequence for one in self.frames if one.watermark <= first), default=0)
        return Span(began, said[-1][0], self.frames[-1].last_sequence - n_first)

    def ages(self, since_ns: int) -> NDArray[np.int64]:
        """How long after the frame of the record that caused it each result was published, ns.

        Args:
            since_ns: wall time, ns; frames that were published before it do not count.
        """
        results = [event for event in self._envelopes() if not _is_operational(event) and event.trace]
        last = np.array([frame.last_sequence for frame in self.frames])
        places = np.searchsorted(last, np.array([event.trace or 0 for event in results], np.int64))
        published = np.array([frame.ts_publish for frame in self.frames])[places]
        ages: NDArray[np.int64] = np.array([event.ts_publish for event in results], np.int64) - published
        return ages[published >= since_ns]

    def _promises(self) -> Mapping[str, list[tuple[int, int]]]:
        """Wall time and watermark of every promise, by who made it."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for event in self._envelopes():
            if event.type == WATERMARK.name:
                watermark = msgspec.msgpack.decode(event.payload, type=Watermark).watermark
                found[event.source].append((event.ts_publish, watermark))
        return found

    def _envelopes(self) -> Iterable[RawEvent]:
        return (codec.decode_envelope(data, "logic") for data in self.events)


def _is_operational(event: RawEvent) -> bool:
    return event.type in TOPICS and TOPICS[event.type].operational
