"""An archive: a recording that is read, also while it is written, and what it says of damage."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest

from bus.topics import Bus
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.disk import Lock
from knotmeter.recorder.ledger import READERS_LOCK
from knotmeter.recorder.manifest import NAME, encode, read_manifest
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording
from shared.errors import DataError
from tests.knotmeter.recorder.contents import content, files
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.traffic import entry, event, expected, traffic


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A recording of some traffic."""
    recording = Recording.open(tmp_path / "recording", disk=QuickDisk())
    recorder = Recorder(recording)
    for bus, entries in traffic(6).items():
        for one in entries:
            recorder.receive(bus, one)
    recorder.flush()
    recording.close()
    return tmp_path / "recording"


def test_a_recording_is_read_while_it_is_written(place: Path) -> None:
    """The reader sees what was promised when it began; the writer is not held up."""
    recording = Recording.open(place, disk=QuickDisk())
    recorder = Recorder(recording)
    with Archive(place) as archive:
        recorder.receive(Bus.ENGINE_LOGIC, entry(5_000, event("delta", 1)))
        recorder.flush()
        sources = {name for table in archive.tables("events") for name in table["source"].to_pylist()}
    recording.close()

    assert sources == {"alpha", "beta", "gamma"}
    with Archive(place) as archive:
        sources = {name for table in archive.tables("events") for name in table["source"].to_pylist()}
    assert "delta" in sources


def test_several_may_read_at_a_time(place: Path) -> None:
    """Nobody waits for anybody."""
    with Archive(place), Archive(place):
        assert content(place) == expected(traffic(6))
        assert Lock.take(place / READERS_LOCK) is None
    alone = Lock.take(place / READERS_LOCK)
    assert alone is not None
    alone.release()
    alone.release()


def test_a_recording_that_may_only_be_read_is_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a mount or a folder without the right to write, no lock is asked for."""

    def refuse(_path: Path) -> Lock:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Lock, "share", refuse)
    assert content(place) == expected(traffic(6))
    assert not (place / READERS_LOCK).exists()


def test_a_folder_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    """Not even a lock file is made there."""
    with pytest.raises(DataError, match="expected a recording"):
        Archive(tmp_path)
    assert list(tmp_path.iterdir()) == []


def damage_bytes(path: Path) -> None:
    """Other bytes in the middle, as a bad disk gives them."""
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(byte ^ 0xFF for byte in data[40:60])
    path.write_bytes(bytes(data))


def test_a_flipped_bit_is_found(place: Path) -> None:
    """Every page has a checksum: damaged rows are never given out as if they were recorded."""
    name = next(name for name in sorted(files(place)) if name.startswith("market/trade/"))
    damage_bytes(place / name)

    with pytest.raises(DataError, match=f"{name}`: expected a readable file of the recording, found: "):
        content(place)


@pytest.mark.parametrize("is_other", [True, False])
def test_a_file_that_is_not_what_the_manifest_says(place: Path, is_other: bool) -> None:
    """Other rows or other columns, although the length fits."""
    manifest = read_manifest(place)
    trade = next(name for name, _ in manifest.files() if name.startswith("market/trade/"))
    other = next(name for name, _ in manifest.files() if name.startswith("events/"))
    data = (place / (other if is_other else trade)).read_bytes()
    (place / trade).write_bytes(data)
    folder, _, _ = trade.rpartition("/")
    (segment,) = manifest.segments[folder]
    changed = msgspec.structs.replace(segment, n_rows=segment.n_rows + 1, n_bytes=len(data))
    segments = {**manifest.segments, folder: (changed,)}
    (place / NAME).write_bytes(encode(msgspec.structs.replace(manifest, segments=segments)))

    words = "expected the columns epoch, sequence" if is_other else f"expected {segment.n_rows + 1} rows"
    with pytest.raises(DataError, match=words):
        content(place)
