"""A recording: begun, taken up, refused, and a disk that is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bus.topics import Bus
from knotmeter.recorder.disk import Disk
from knotmeter.recorder.manifest import NAME, read_manifest
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from shared.errors import DataError, OutputError
from tests.knotmeter.recorder.contents import content, files
from tests.knotmeter.recorder.disks import FullDisk, QuickDisk, StepDisk
from tests.knotmeter.recorder.traffic import Traffic, entry, event, expected, traffic


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a recording may be."""
    return tmp_path / "recording"


def receive(recorder: Recorder, sent: Traffic) -> None:
    """Receive traffic, flushed now and then."""
    for bus, entries in sent.items():
        for number, one in enumerate(entries):
            recorder.receive(bus, one)
            if number % 20 == 19:
                recorder.flush()


def refused(disk_error: Exception) -> bool:
    """Whether an error is what the disk refused, told properly."""
    text = str(disk_error)
    return "expected room for the recording, found none left" in text and "free some space" in text


def test_a_recording_goes_on_where_it_was(place: Path) -> None:
    """Session, positions, cursors and counts are those of its manifest."""
    terms = Terms(session_id="s1", session={"files": ["a"]}, engines=("alpha",), versions={"knotmeter": "1"})
    recording = Recording.open(place, terms)
    recorder = Recorder(recording)
    recorder.receive(Bus.ENGINE_LOGIC, entry(1, event("alpha", 1)))
    recorder.flush()
    recording.close()
    again = Recording.open(place, Terms(session_id="s1"))
    again.close()

    assert again.manifest == recording.manifest
    assert again.manifest.session == {"files": ["a"]}
    assert Recorder(again).positions == recorder.positions


def test_a_recording_of_another_session_is_refused(place: Path) -> None:
    """Sequences of two sessions cannot be told apart, so they do not mix."""
    Recording.open(place, Terms(session_id="s1")).close()

    with pytest.raises(OutputError, match=r"recording of session s2, found that of s1; name another folder"):
        Recording.open(place, Terms(session_id="s2"))
    Recording.open(place).close()


def test_two_recorders_of_one_folder_are_refused(place: Path) -> None:
    """The second is told; once the first has ended, the folder is free."""
    first = Recording.open(place)

    with pytest.raises(OutputError, match="expected no other recorder there, found one writing"):
        Recording.open(place)
    first.close()
    Recording.open(place).close()


def test_a_folder_of_strangers_is_refused(place: Path) -> None:
    """Nothing in it is touched."""
    place.mkdir()
    (place / "novel.txt").write_text("call me Ishmael", "utf-8")

    with pytest.raises(OutputError, match=r"an empty folder, found novel.txt and no `manifest.json`"):
        Recording.open(place)
    assert (place / "novel.txt").exists()


def test_strangers_beside_segments_stay(place: Path) -> None:
    """Only files that are named as segments are, in the places of segments, are ever removed."""
    recording = Recording.open(place)
    recorder = Recorder(recording)
    recorder.receive(Bus.ENGINE_LOGIC, entry(1, event("alpha", 1)))
    recorder.flush()
    recording.close()
    (folder,) = (place / "events").iterdir()
    strangers = (folder / "notes.txt", folder / "mine.parquet", place / "00000099.parquet")
    for path in (*strangers, folder / "00000099.parquet"):
        path.write_bytes(b"")
    Recording.open(place).close()

    assert all(path.exists() for path in strangers)
    assert not (folder / "00000099.parquet").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"{"), "found a damaged one"),
        (lambda path: path.write_bytes(b'{"format": 1}'), "found a damaged one"),
        (lambda path: path.write_bytes(b'{"format": 99}'), "expected layout 1 of a recording, found 99"),
    ],
)
def test_a_damaged_manifest_is_refused(place: Path, damage: object, words: str) -> None:
    """It is neither guessed at nor overwritten."""
    Recording.open(place).close()
    assert callable(damage)
    damage(place / NAME)
    before = (place / NAME).read_bytes()

    with pytest.raises(DataError, match=words):
        Recording.open(place)
    assert (place / NAME).read_bytes() == before


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_lost_segment_is_refused(place: Path, is_cut: bool) -> None:
    """A file that is gone or too short is named; nothing is recorded on top of the damage."""
    recording = Recording.open(place)
    recorder = Recorder(recording)
    recorder.receive(Bus.ENGINE_LOGIC, entry(1, event("alpha", 1)))
    recorder.flush()
    recording.close()
    (name,) = files(place)
    if is_cut:
        os.truncate(place / name, 10)
    else:
        (place / name).unlink()

    with pytest.raises(DataError, match=f"{name}`: expected a file of .* bytes, as the manifest says, found"):
        Recording.open(place)


def test_files_read_with_any_parquet_reader(place: Path) -> None:
    """Columns by name, whole numbers, the payload as MessagePack; the day is in the path."""
    recording = Recording.open(place)
    recorder = Recorder(recording)
    receive(recorder, traffic(5))
    recorder.flush()
    recording.close()

    trades = pq.read_table(place / "market" / "trade")
    assert trades.column_names[:4] == ["epoch", "sequence", "ts_event", "ts_init"]
    assert trades.column_names[-1] == "date"
    assert trades.num_rows == recording.manifest.n_records["trade"]
    events = pq.read_table(place / "events")
    assert events.num_rows == sum(recording.manifest.n_events.values())
    assert set(events["source"].to_pylist()) <= {"alpha", "beta", "gamma"}


@pytest.mark.parametrize("kind", ["make", "open", "write", "replace", "sync"])
def test_a_full_disk_costs_nothing_but_time(place: Path, kind: str) -> None:
    """Wherever it is full: an error says so, nothing is promised falsely, all is there once there is room."""
    disk = FullDisk(kind)
    recording = Recording.open(place, disk=disk)
    recorder = Recorder(recording)
    sent = traffic(2)
    half = {bus: entries[: len(entries) // 2] for bus, entries in sent.items()}
    receive(recorder, half)
    recorder.flush()
    for bus, entries in sent.items():
        for one in entries:
            recorder.receive(bus, one)

    disk.is_full = True
    for _ in range(3):
        before = read_manifest(place)
        with pytest.raises(OutputError) as caught:
            recorder.flush()
        assert refused(caught.value)
        if kind != "sync":  # a manifest whose folder could not be synced is valid all the same
            assert read_manifest(place) == before
            assert files(place) == {name for name, _ in before.files()}
    disk.is_full = False
    recorder.flush()
    recording.close()

    assert content(place) == expected(sent)


def test_a_manifest_that_could_not_be_synced_is_not_written_twice(place: Path) -> None:
    """The name was given, only the sync failed: the batch counts once, and no file that it names goes."""
    fail: list[str] = []

    def before(kind: str) -> None:
        if kind == "replace":
            fail.append("sync")
        elif kind == "sync" and fail:
            fail.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    recording = Recording.open(place, disk=QuickDisk())
    recording.close()
    recording = Recording.open(place, disk=QuickDisk())
    recording._ledger.disk = StepDisk(before)
    recorder = Recorder(recording)
    recorder.receive(Bus.ENGINE_LOGIC, entry(1, event("alpha", 1)))

    for _ in range(3):
        with pytest.raises(OutputError, match="expected to write the recording, found: Input/output error"):
            recorder.flush()
        assert sum(read_manifest(place).n_events.values()) == 1
        assert len(files(place)) == 1
    recording._ledger.disk = QuickDisk()
    recorder.flush()
    recording.close()
    assert len(content(place)["events/date=2023-12-08"]) == 1


def test_a_limit_on_the_length_of_files(place: Path) -> None:
    """A disk that really refuses: the system's own error in the middle of a file, with the real library."""
    script = f"""
import resource
from pathlib import Path
from bus.topics import Bus
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording
from shared.errors import OutputError
from tests.knotmeter.recorder.traffic import traffic

recording = Recording.open(Path({str(place)!r}))
recorder = Recorder(recording)
for bus, entries in traffic(4).items():
    for one in entries:
        recorder.receive(bus, one)
for limit in (0, 10, 2_000, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        recorder.flush()
        print("written")
    except OutputError as error:
        print(error)
recording.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )

    *failures, last = done.stdout.splitlines()
    assert len(failures) == 3
    assert all(refused(OutputError(line)) for line in failures)
    assert (last, done.stderr.count("Exception ignored")) == ("written", 0)
    assert content(place) == expected(traffic(4))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The reason is the system's."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(OutputError, match="expected to write the recording, found: File exists"):
        Recording.open(tmp_path / "file" / "recording", disk=Disk())
