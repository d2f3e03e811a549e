"""The recorder: entries in, files out, every message once."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import codec
from bus.messages.control import EngineStatus, Watermark
from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import Entry, EntryId
from knotmeter.recorder import recorder as recorders
from knotmeter.recorder.manifest import KEPT_GAPS, Promise
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from tests.bus.slices import flow
from tests.knotmeter.recorder.contents import content, progress, sorted_letters
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.traffic import (
    SOURCES,
    START,
    Traffic,
    clean,
    entry,
    event,
    expected,
    frame,
    operational,
    traffic,
)

MARKET, LOGIC = Bus.MARKET_DATA, Bus.ENGINE_LOGIC


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder of an empty folder."""
    with tempfile.TemporaryDirectory() as place:
        recording = Recording.open(Path(place) / "recording", Terms(engines=SOURCES), QuickDisk())
        yield Recorder(recording)
        recording.close()


def record(to: Recorder, sent: Traffic, generator: random.Random) -> None:
    """Receive traffic as it may come, flushed anywhere, to its end."""
    rest = {bus: list(entries) for bus, entries in sent.items()}
    while any(rest.values()):
        bus = generator.choice([bus for bus in Bus if rest[bus]])
        n_entries = generator.randint(1, 12)
        for one in rest[bus][:n_entries]:
            to.receive(bus, one)
        del rest[bus][:n_entries]
        if generator.random() < 0.3:
            to.flush()
    to.flush()


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_every_message_is_recorded_once(seed: int) -> None:
    """Whatever is lost, said again, cut anew or rubbish: what a walk through the messages finds, in order."""
    sent = traffic(seed)
    with recorder() as to:
        record(to, sent, random.Random(seed))

        found = content(to.recording.folder)

    assert sorted_letters(found) == sorted_letters(expected(sent))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_everything_delivered_twice_changes_nothing(seed: int) -> None:
    """Each entry again at once, and all of them again at the end."""
    sent = traffic(seed)
    with recorder() as to:
        for _ in range(2):
            for bus, entries in sent.items():
                for one in entries:
                    to.receive(bus, one)
                    to.receive(bus, one)
        to.flush()

        assert content(to.recording.folder) == expected(sent)
        assert to.n_repeated > 0


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_what_is_counted_is_what_is_there(seed: int) -> None:
    """Counts of the manifest are those of the rows, and no sequence is missing unsaid."""
    sent = traffic(seed)
    with recorder() as to:
        record(to, sent, random.Random(seed))
        found, said = content(to.recording.folder), to.recording.manifest

    for data_set, count in (
        *((f"market/{kind}", count) for kind, count in said.n_records.items()),
        ("events", sum(said.n_events.values())),
        ("operational", sum(said.n_operational.values())),
        ("dead_letters", said.n_dead_letters),
    ):
        assert count == sum(len(rows) for name, rows in found.items() if name.split("/date=")[0] == data_set)
    spans = [gap.last_sequence - gap.first_sequence + 1 for gap in said.gaps]
    assert sum(said.n_missing.values()) == sum(spans)
    assert said.n_gaps == len(spans)


def test_a_gap_is_told() -> None:
    """Producer, epoch, first and last of what was never seen, and how much that is in all."""
    with recorder() as to:
        to.receive(MARKET, frame(flow(["trade"] * 3, 1), 4))
        to.receive(MARKET, frame(flow(["trade"] * 3, 10), 4))
        to.receive(LOGIC, entry(1, event("alpha", 3)))
        to.flush()
        said = progress(to.recording.folder)

    assert said["gaps"] == [
        {"producer": "md", "epoch": 4, "first_sequence": 4, "last_sequence": 9},
        {"producer": "alpha", "epoch": 1, "first_sequence": 1, "last_sequence": 2},
    ]
    assert said["n_missing"] == {"md": 6, "alpha": 2}


def test_of_very_many_gaps_the_newest_are_listed() -> None:
    """All are counted; the list is bounded."""
    with recorder() as to:
        for number in range(1, KEPT_GAPS + 51):
            to.receive(LOGIC, entry(number, event("alpha", 2 * number)))
        to.flush()
        said = to.recording.manifest

    assert (said.n_gaps, said.n_missing["alpha"]) == (KEPT_GAPS + 50, KEPT_GAPS + 50)
    assert len(said.gaps) == KEPT_GAPS
    assert said.gaps[-1].last_sequence == 2 * (KEPT_GAPS + 50) - 1


def test_operational_events_are_kept_out_of_the_events() -> None:
    """Gaps and dead letters stand apart; watermarks and status are not recorded at all."""
    status = EngineStatus(n_handled=1, n_dead_letters=0, n_missing=0, lag_seconds=0.0)
    with recorder() as to:
        for number, payload in enumerate((Watermark(watermark=7), status), 1):
            to.receive(LOGIC, entry(number, operational("alpha", 0, payload)))
        to.flush()

        assert content(to.recording.folder) == {}
        assert to.recording.manifest.watermarks == {"alpha": Promise(1, 7)}
        assert to.recording.manifest.position(LOGIC) == EntryId(1_002, 0)


@pytest.mark.parametrize(
    ("rubbish", "error"),
    [
        ({}, "an event"),
        ({"e": b"\xc1"}, "an event"),
        ({"e": codec.encode(event("alpha", 0))}, "sequences of 1 or more, got 0"),
        ({"e": codec.encode(event("alpha", 2**63))}, "signed 64-bit numbers, got 9223372036854775808"),
        ({"e": codec.encode(event("alpha", 1, type="watermark"))}, "a `watermark` payload"),
    ],
)
def test_what_cannot_be_recorded_is_set_aside(rubbish: dict[str, bytes], error: str) -> None:
    """The entry is kept with its id and the reason, counted, and does not stop what follows."""
    with recorder() as to:
        to.receive(LOGIC, Entry(EntryId(1_001, 0), rubbish))
        to.receive(LOGIC, entry(2, event("beta", 1)))
        to.flush()
        found = content(to.recording.folder)

        assert to.recording.manifest.n_dead_letters == 1
    ((producer, *place, reason),) = found["dead_letters"]
    assert (producer, place) == ("logic", [1_001, 0])
    assert error in reason
    assert len(found["events/date=2023-12-08"]) == 1


def test_a_session_is_complete_when_everybody_has_promised_the_end() -> None:
    """The source by its last frame, each engine by its watermark; not before, and not in a new epoch."""
    sent = clean(1)
    with recorder() as to:
        for one in sent[MARKET]:
            to.receive(MARKET, one)
        for one in sent[LOGIC]:
            assert not to.progress().complete
            to.receive(LOGIC, one)
        to.flush()
        assert to.recording.manifest.complete

        to.receive(LOGIC, entry(900, operational("beta", 0, Watermark(watermark=0), epoch=1)))
        assert to.progress().complete
        to.receive(LOGIC, entry(901, operational("beta", 0, Watermark(watermark=0), epoch=2)))
        assert to.progress().unfinished(SOURCES) == ["beta"]
        to.receive(MARKET, frame(flow(["trade"]), 2, START))
        to.flush()
        assert to.recording.manifest.unfinished(SOURCES) == ["md", "beta"]


def test_an_end_promised_by_strangers_completes_nothing() -> None:
    """Only the engines of the fleet count."""
    with recorder() as to:
        to.receive(MARKET, frame(flow(["trade"]), 1, END_OF_TIME))
        to.receive(LOGIC, entry(1, operational("stranger", 0, Watermark(watermark=END_OF_TIME))))

        assert to.progress().unfinished(SOURCES) == list(SOURCES)


def test_nothing_is_promised_before_it_is_flushed() -> None:
    """The manifest stands still until then."""
    with recorder() as to:
        before = to.recording.manifest
        to.receive(LOGIC, entry(1, event("alpha", 1)))

        assert to.recording.manifest is before
        assert to.positions[LOGIC] == EntryId(1_001, 0)
        to.flush()
        assert to.recording.manifest.position(LOGIC) == EntryId(1_001, 0)


def test_a_flush_without_news_writes_nothing() -> None:
    """The manifest is not even replaced."""
    with recorder() as to:
        to.receive(LOGIC, entry(1, event("alpha", 1)))
        to.flush()
        before = to.recording.manifest
        to.flush()

        assert to.recording.manifest is before


def test_entries_may_come_while_a_batch_is_written() -> None:
    """What comes after the cut is in the next batch, and the progress of the first does not tell of it."""
    with recorder() as to:
        to.receive(LOGIC, entry(1, event("alpha", 1)))
        batch = to.cut()
        to.receive(LOGIC, entry(2, event("alpha", 2)))

        assert to.cut() is batch
        to.recording.write(batch)
        to.written()
        first = to.recording.manifest
        to.flush()
        second = to.recording.manifest

    assert (first.position(LOGIC), second.position(LOGIC)) == (EntryId(1_001, 0), EntryId(1_002, 0))
    assert (first.n_events, second.n_events) == ({"remark": 1}, {"remark": 2})


def test_a_restarted_server_may_give_ids_again() -> None:
    """After a rewind to what the server still has, its new entries are taken, known events are not."""
    with recorder() as to:
        for number in (1, 2, 3):
            to.receive(LOGIC, entry(number, event("alpha", number)))
        to.rewind(LOGIC, EntryId(1_001, 0))
        to.receive(LOGIC, entry(2, event("alpha", 3)))
        to.receive(LOGIC, entry(3, event("alpha", 4)))
        to.flush()

        assert to.recording.manifest.n_events == {"remark": 4}
        assert to.recording.manifest.n_gaps == 0


def test_it_says_when_it_holds_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records, events and dead letters all count, and a cut makes room."""
    monkeypatch.setattr(recorders, "LARGEST_BATCH", 2_000)
    for bus, one in (
        (MARKET, frame(flow(["trade"] * 42), 1)),
        (LOGIC, entry(1, event("alpha", 1, payload={"text": "x" * 1_400}))),
        (LOGIC, Entry(EntryId(1, 1), {"e": b"x" * 1_400})),
    ):
        with recorder() as to:
            said = [to.is_full]
            to.receive(bus, one)
            said.append(to.is_full)
            to.cut()
            said.append(to.is_full)
        assert said == [False, True, False]
