"""Upkeep: few files however often it is flushed, days that are too old go, readers are not disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.records import END_OF_TIME
from bus.topics import Bus
from bus.transport import Entry, EntryId
from knotmeter.recorder import compaction, data_sets, upkeep
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.disk import ROW_GROUP
from knotmeter.recorder.manifest import Manifest, Segment
from knotmeter.recorder.partitions import date_text, day_of
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from tests.bus.slices import flow
from tests.knotmeter.recorder.contents import content, files
from tests.knotmeter.recorder.disks import FullDisk, QuickDisk
from tests.knotmeter.recorder.traffic import DAY, START, entry, event, frame

NOON = START // DAY * DAY + DAY // 2


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a recording may be."""
    return tmp_path / "recording"


def recorder(place: Path, **terms: Any) -> Recorder:
    """A recorder of a folder."""
    return Recorder(Recording.open(place, Terms(**terms), QuickDisk()))


def say(to: Recorder, number: int, ts_event: int = NOON) -> None:
    """Receive the event of this number."""
    to.receive(Bus.ENGINE_LOGIC, entry(number, event("alpha", number, ts_event)))


def numbers(place: Path, folder: str = "events/date=2023-12-08") -> list[int]:
    """Sequences of the recorded events of a day."""
    return [row[4] for row in content(place).get(folder, [])]


def test_a_day_of_flushes_leaves_few_files(place: Path) -> None:
    """After n flushes there are at most fifteen segments of each level, and every event once, in order."""
    to = recorder(place)
    for number in range(1, 1_001):
        say(to, number)
        to.flush()

    segments = to.recording.manifest.segments["events/date=2023-12-08"]
    assert len(segments) <= 3 * (compaction.FAN_IN - 1)
    assert [segment.level for segment in segments] == sorted((s.level for s in segments), reverse=True)
    assert files(place) == {name for name, _ in to.recording.manifest.files()}
    assert numbers(place) == list(range(1, 1_001))


def test_a_day_that_is_over_becomes_one_file(place: Path) -> None:
    """Once a later day has begun and nothing more came for it."""
    to = recorder(place)
    for number in range(1, 40):
        say(to, number)
        to.flush()
    say(to, 40, NOON + DAY)
    for _ in range(upkeep.QUIET + 1):
        to.flush()

    assert len(to.recording.manifest.segments["events/date=2023-12-08"]) == 1
    assert numbers(place) == list(range(1, 40))


def test_a_late_event_of_a_past_day_finds_its_place(place: Path) -> None:
    """It stands behind what was merged, and is merged with it in its turn."""
    to = recorder(place)
    for number, time in ((1, NOON), (2, NOON + DAY)):
        say(to, number, time)
    for _ in range(upkeep.QUIET + 1):
        to.flush()
    to.receive(Bus.ENGINE_LOGIC, entry(3, event("beta", 1, NOON)))
    to.flush()
    assert numbers(place) == [1, 1]
    for _ in range(upkeep.QUIET + 1):
        to.flush()

    assert numbers(place) == [1, 1]
    assert len(to.recording.manifest.segments["events/date=2023-12-08"]) == 1


def test_a_complete_recording_is_merged_down(place: Path) -> None:
    """Nothing more comes, so its last day is over as well."""
    to = recorder(place)
    for number in range(1, 10):
        say(to, number)
        to.flush()
    to.receive(Bus.MARKET_DATA, frame(flow(["trade"], times=[NOON]), 1, END_OF_TIME))
    for _ in range(upkeep.QUIET + 1):
        to.flush()

    assert all(len(segments) == 1 for segments in to.recording.manifest.segments.values())


def test_large_segments_are_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is merged stops growing at the bound, so no row is written for ever."""
    monkeypatch.setattr(data_sets, "_FINAL_ROWS", {"events": 10})
    to = recorder(place)
    for number in range(1, 101):
        say(to, number)
        if number % 4 == 0:
            to.flush()
    say(to, 101, NOON + DAY)
    for _ in range(upkeep.QUIET + 10):
        to.flush()

    rows = [segment.n_rows for segment in to.recording.manifest.segments["events/date=2023-12-08"]]
    assert rows == [12] * 8 + [4]
    assert numbers(place) == list(range(1, 101))


def test_merged_row_groups_are_full(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small row groups become few large ones, however they were cut; a step takes one at a time."""
    monkeypatch.setattr(compaction, "ROW_GROUP", 10)
    monkeypatch.setattr(upkeep, "MERGED_ROWS", 1)
    to = recorder(place)
    for number in range(1, 33):
        say(to, 2 * number - 1)
        say(to, 2 * number)
        to.flush()
    for _ in range(40):
        to.flush()

    with Archive(place) as archive:
        sizes = [table.num_rows for table in archive.rows("events/date=2023-12-08")]
    assert sizes == [10, 10, 10, 2, 10, 10, 10, 2]
    assert ROW_GROUP > 10


@given(st.data())
def test_any_manifest_settles(data: st.DataObject) -> None:
    """Merging ends, keeps rows and their order, and leaves no level with enough to merge."""
    rows = st.builds(
        lambda number, n_rows, level: Segment(number=number, n_rows=n_rows, n_bytes=n_rows, level=level),
        st.integers(1, 10**6),
        st.integers(1, 3 * 10**6),
        st.integers(0, 3),
    )
    folder = "events/date=2023-12-08"
    drawn = data.draw(st.lists(rows, max_size=80, unique_by=lambda one: one.number))
    manifest = Manifest(session_id="s", segments={folder: tuple(drawn)})
    before, quiet, steps = manifest.n_rows("events"), data.draw(st.booleans()), 0
    while (run := compaction.due(manifest, lambda _: quiet, ())) is not None:
        steps += 1
        assert steps < 200
        segments = manifest.segments[folder]
        place = segments.index(run.segments[0])
        assert segments[place : place + len(run.segments)] == run.segments
        made = Segment(
            number=10**7 + steps,
            n_rows=sum(segment.n_rows for segment in run.segments),
            n_bytes=sum(segment.n_bytes for segment in run.segments),
            level=1 + max(segment.level for segment in run.segments),
        )
        kept = (*segments[:place], made, *segments[place + len(run.segments) :])
        manifest = Manifest(session_id="s", segments={folder: kept})
    assert manifest.n_rows("events") == before
    small = [s for s in manifest.segments[folder] if not data_sets.is_final("events", s)]
    assert len(small) <= 4 * compaction.FAN_IN + len(manifest.segments[folder]) // 2


def test_a_disk_that_refuses_to_merge_puts_it_off(place: Path) -> None:
    """Recording goes on; merging comes later, and no half-merged file is left."""
    disk = FullDisk("open")
    to = Recorder(Recording.open(place, disk=disk))
    for number in range(1, compaction.FAN_IN):
        say(to, number)
        to.flush()
    say(to, compaction.FAN_IN)
    to.recording.write(to.cut())
    to.written()
    disk.is_full = True
    to.recording.tidy()
    assert disk.n_refused == 1
    assert len(files(place)) == compaction.FAN_IN
    disk.is_full = False
    for _ in range(upkeep.PAUSE):
        to.recording.tidy()

    assert len(files(place)) == 1
    assert numbers(place) == list(range(1, compaction.FAN_IN + 1))


def test_a_damaged_segment_stops_the_merging_of_its_day_alone(place: Path) -> None:
    """The recorder says so and goes on; nothing is dropped."""
    to = recorder(place)
    for number in range(1, compaction.FAN_IN):
        say(to, number)
        to.flush()
    name = min(files(place))
    data = bytearray((place / name).read_bytes())
    data[100:110] = bytes(10)
    (place / name).write_bytes(bytes(data))
    for number in range(compaction.FAN_IN, 3 * compaction.FAN_IN):
        to.receive(Bus.ENGINE_LOGIC, entry(2 * number, event("alpha", number, NOON)))
        to.receive(Bus.ENGINE_LOGIC, entry(2 * number + 1, event("beta", number, NOON + DAY)))
        to.flush()

    assert name in files(place)
    assert len(to.recording.manifest.segments["events/date=2023-12-08"]) == 3 * compaction.FAN_IN - 1
    assert len(to.recording.manifest.segments["events/date=2023-12-09"]) < compaction.FAN_IN + 2


def test_whole_days_that_are_too_old_go(place: Path) -> None:
    """Counted from the newest day recorded; events and records alike, definitions of instruments never."""
    to = recorder(place, retention_days=2)
    for day in range(5):
        time = NOON + day * DAY
        kinds = ["instrument", "trade"]
        to.receive(Bus.MARKET_DATA, frame(flow(kinds, 2 * day + 1, [time, time]), 1, time))
        say(to, day + 1, time)
        to.flush()

    kept = [date_text(day_of(NOON) + day) for day in (3, 4)]
    folders = set(to.recording.manifest.segments)
    assert {name for name in folders if not name.startswith("market/instrument/")} == {
        f"{data_set}/date={date}" for data_set in ("events", "market/trade") for date in kept
    }
    assert sum(name.startswith("market/instrument/") for name in folders) == 5
    assert to.recording.manifest.dropped_before == kept[0]
    assert files(place) == {name for name, _ in to.recording.manifest.files()}
    assert not (place / "events" / "date=2023-12-08").exists()


def test_an_event_from_the_far_future_costs_nothing(place: Path) -> None:
    """Where there is market data, its newest day counts: one wrong time must not drop a session."""
    to = recorder(place, retention_days=1)
    to.receive(Bus.MARKET_DATA, frame(flow(["trade"], times=[NOON]), 1))
    say(to, 1, 2**62)
    to.flush()

    assert len(to.recording.manifest.segments) == 2
    assert to.recording.manifest.dropped_before is None


def test_part_of_a_day_keeps_the_day(place: Path) -> None:
    """One and a half days are two."""
    to = recorder(place, retention_days=1.5)
    for day in range(4):
        say(to, day + 1, NOON + day * DAY)
        to.flush()

    assert list(to.recording.manifest.segments) == ["events/date=2023-12-10", "events/date=2023-12-11"]


def test_of_very_many_dead_letters_the_newest_are_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """About so many as an engine keeps; all are counted."""
    monkeypatch.setattr(upkeep, "KEPT", 100)
    monkeypatch.setattr(data_sets, "_FINAL_ROWS", {"dead_letters": 10})
    to = recorder(place)
    for number in range(1, 1_001):
        to.receive(Bus.ENGINE_LOGIC, Entry(EntryId(number, 0), {"e": b"\xc1"}))
        if number % 3 == 0:
            to.flush()
    to.flush()

    kept = [row[1] for row in content(place)["dead_letters"]]
    assert kept == list(range(1_001 - len(kept), 1_001))
    assert 100 <= len(kept) < 130
    assert to.recording.manifest.n_dead_letters == 1_000


def test_files_stay_while_somebody_reads(place: Path) -> None:
    """A reader sees the recording as it was, merged away or dropped since; then the files go."""
    to = recorder(place, retention_days=1)
    for number in range(1, compaction.FAN_IN):
        say(to, number)
        to.flush()
    with Archive(place) as archive:
        say(to, compaction.FAN_IN)
        to.flush()
        say(to, compaction.FAN_IN + 1, NOON + DAY)
        to.flush()
        assert set(to.recording.manifest.segments) == {"events/date=2023-12-09"}
        found = [
            row for table in archive.rows("events/date=2023-12-08") for row in table["sequence"].to_pylist()
        ]
        assert found == list(range(1, compaction.FAN_IN))
    to.flush()

    assert files(place) == {name for name, _ in to.recording.manifest.files()}


def test_restarts_do_not_disturb_readers_either(place: Path) -> None:
    """What is no longer named stays for a reader through a restart, and its number is not given again."""
    to = recorder(place)
    for number in range(1, compaction.FAN_IN):
        say(to, number)
        to.flush()
    with Archive(place) as archive:
        say(to, compaction.FAN_IN)
        to.flush()
        to.recording.close()
        again = recorder(place)
        say(again, compaction.FAN_IN + 1)
        again.flush()
        found = [
            row for table in archive.rows("events/date=2023-12-08") for row in table["sequence"].to_pylist()
        ]
        assert found == list(range(1, compaction.FAN_IN))
        assert len(files(place)) == compaction.FAN_IN + 2
    again.flush()

    assert len(files(place)) == 2
    assert numbers(place) == list(range(1, compaction.FAN_IN + 2))
