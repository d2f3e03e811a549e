"""The question about processes: figures are read off what stood on the buses, and another log is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import replay
from benchmarks.answers import AnswerError
from benchmarks.harness import MissingError
from benchmarks.logbook import Frame, Logbook, Span
from benchmarks.single_or_fleet import SMALL_BUCKETS, passage, same_log
from benchmarks.voyage import Charter, Voyage, Way, sail
from bus import codec, frames
from bus.envelope import Event
from bus.messages.control import Watermark
from bus.records import CLOCK, END_OF_TIME, Records
from bus.topics import WATERMARK
from shared.event_log import line
from shared.fleet import DEFAULT_FRAME_SIZE


def promise(source: str, watermark: int, ts_publish: int) -> bytes:
    """A promise of an engine."""
    event = Event(
        type=WATERMARK.name,
        version=1,
        source=source,
        epoch=1,
        sequence=0,
        ts_event=0,
        ts_publish=ts_publish,
        payload=Watermark(watermark=watermark),
    )
    return codec.encode(event)


def result(trace: int | None, ts_publish: int) -> bytes:
    """A result that a record caused, or nobody knows what."""
    event = Event(
        type="toy",
        version=1,
        source="slow",
        epoch=1,
        sequence=1,
        ts_event=0,
        ts_publish=ts_publish,
        trace=trace,
        payload=None,
    )
    return codec.encode(event)


FRAMES = [Frame(1, 10, 99, 1_000), Frame(11, 30, 199, 2_000), Frame(31, 31, END_OF_TIME, 3_000)]


def test_the_span_is_that_of_the_last_to_finish() -> None:
    """Time and records are counted from the first promise of the slowest engine to its last."""
    said = [
        promise("fast", 199, 2_100),
        promise("slow", 99, 2_500),
        promise("fast", END_OF_TIME, 3_100),
        promise("slow", 199, 4_000),
        promise("slow", END_OF_TIME, 9_000),
    ]

    assert Logbook(FRAMES, said).span() == Span(began_ns=2_500, ended_ns=9_000, n_records=31 - 10)


def test_an_engine_that_handles_all_at_once_is_counted_from_the_first_frame() -> None:
    """One promise alone tells of every record."""
    assert Logbook(FRAMES, [promise("slow", END_OF_TIME, 9_000)]).span() == Span(1_000, 9_000, 31)


@pytest.mark.parametrize("said", [[], [promise("slow", 99, 1)]])
def test_an_unfinished_session_has_no_span(said: list[bytes]) -> None:
    """Nothing is measured of a session in which an engine has not promised the end."""
    with pytest.raises(AnswerError, match="expected every engine to finish, found unfinished"):
        Logbook(FRAMES, said).span()


def test_a_result_is_as_old_as_the_frame_of_its_record() -> None:
    """Its cause is found by sequence; promises and results without a cause have no age."""
    said = [
        result(10, 1_007),
        result(11, 2_050),
        promise("slow", 99, 2_500),
        result(30, 2_100),
        result(None, 5),
    ]
    logbook = Logbook(FRAMES, said)

    assert logbook.ages(0).tolist() == [7, 50, 100]
    assert logbook.ages(1_001).tolist() == [50, 100]
    assert logbook.ages(9_000).tolist() == []


def test_a_logbook_keeps_what_entries_say(tmp_path: Path) -> None:
    """Heads of frames and whole events pass through a file."""
    clock = np.zeros(2, CLOCK)
    clock["sequence"] = [5, 6]
    entry = frames.encode(Records({"clock": clock}), epoch=1, watermark=7, ts_publish=8)
    Logbook.of([entry], [{"e": result(5, 9)}]).write(tmp_path / "tap")

    assert Logbook.read(tmp_path / "tap") == Logbook([Frame(5, 6, 7, 8)], [result(5, 9)])


def test_another_log_gives_no_figure() -> None:
    """A log that differs, or an empty one, is refused."""
    same_log(b"a\n", b"a\n")
    with pytest.raises(AnswerError, match="expected a log of 2 events as a replay leaves it, found 1"):
        same_log(b"a\nb\n", b"a\n")
    with pytest.raises(AnswerError, match="expected a log of 0 events"):
        same_log(b"", b"")


def test_a_tapped_replay_is_a_replay(tmp_path: Path) -> None:
    """The command leaves the log of a replay in this process, and its tap everything that passed."""
    n_trades = 2_000
    file = replay.sample(tmp_path, n_trades)
    log = replay.replayed(replay.session(file, DEFAULT_FRAME_SIZE))

    voyage = sail(Way.REPLAY, Charter(file, replay.SETTINGS))
    assert voyage.log == b"".join(line(event) + b"\n" for event in log.events)
    assert len(voyage.logbook.ages(0)) == len(log.events)
    assert voyage.logbook.frames[-1].last_sequence > n_trades
    assert passage(voyage).start > 0


def test_a_command_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    """What kept a run from ending well is told."""
    with pytest.raises(MissingError, match=r"a run ended with status 2: .*nowhere"):
        sail(Way.REPLAY, Charter(tmp_path / "nowhere.parquet", SMALL_BUCKETS))


def test_a_voyage_is_timed_from_its_command() -> None:
    """The start is the time from the command to the first promise."""
    said = [promise("slow", 99, 2_500), result(11, 2_600), promise("slow", END_OF_TIME, 9_000)]
    found = passage(Voyage(500, b"log", Logbook(FRAMES, said)))

    assert (found.start, found.record, found.n_records) == (2_000.0, 6_500 / 21, 21)
    assert found.ages == (600.0, 600.0)
