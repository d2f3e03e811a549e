"""A recording replayed: what the session said, record for record, and clear words where it cannot be."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from bus.records import Records
from bus.topics import Bus
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.manifest import NAME, read_manifest
from knotmeter.recorder.manifest import encode as encode_manifest
from knotmeter.recorder.recorded_flow import RecordedFlow
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from tests.bus.slices import flow
from tests.knotmeter.conftest import Knotmeter
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.sessions import record, said
from tests.knotmeter.recorder.traffic import frame
from tests.knotmeter.toy_fleet import N_RECORDS, contents, write_file

RECORDING = Path("recording")


def recorded(seed: int, **terms: object) -> Path:
    """A file, and the recording of a session over it."""
    path = write_file(Path("trades.json"), N_RECORDS, seed)
    sent, engines = said([path], frame_size=random.Random(seed).choice((1, 7, 500)))
    record(RECORDING, sent, engines, random.Random(seed), **terms)
    return path


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("seed", range(3))
def test_a_recording_replayed_is_the_session(knotmeter: Knotmeter, seed: int) -> None:
    """Log and every table are those of the files, at any frame length and over a stop."""
    path = recorded(seed)
    assert knotmeter("replay", path, "--output", "FILES").status == 0
    stopped = ("--output", "AGAIN", "--frame-size", "13")
    assert knotmeter("replay", RECORDING, *stopped, "--stop-after", "500").status == 0
    assert knotmeter("replay", RECORDING, *stopped, "--resume").status == 0
    files, again = contents(Path("FILES")), contents(Path("AGAIN"))
    assert files.pop("run.json") != again.pop("run.json")
    assert again == files


@pytest.mark.usefixtures("toys")
def test_the_feed_can_be_entered_anywhere() -> None:
    """What is read after a seek, forward and back, is what was read before it."""
    recorded(1)
    with Archive(RECORDING) as archive:
        feed = RecordedFlow(archive)
        whole = _read(feed, 64)
        assert len(whole) == feed.n_records
        assert whole.sequences().tolist() == list(range(1, len(whole) + 1))
        assert feed.progress == 1.0
        for place in (0, 1, 17, 400, len(whole) - 1, len(whole)):
            feed.seek(place)
            rest = _read(feed, 1_000)
            assert _bytes(rest) == _bytes(whole.split_at_sequence(place + 1)[1])


@pytest.mark.usefixtures("toys")
def test_settings_that_differ_are_told(knotmeter: Knotmeter) -> None:
    """A session that is replayed with other settings than it was recorded with is called so."""
    recorded(2, session={"mode": "replay", "made_from": {"asker.patience": "5", "source.files": "1"}})
    done = knotmeter("replay", RECORDING)
    assert done.status == 0
    assert "asker.patience was 5 when this was recorded and is 3" in done.out
    assert "source" not in done.out.partition("Result")[0]


@pytest.mark.usefixtures("toys")
def test_the_order_of_live_engines_on_two_buses_is_not_invented(knotmeter: Knotmeter) -> None:
    """A live session of engines that read both buses is refused: its order was not recorded."""
    recorded(2, session={"mode": "live"})
    done = knotmeter("replay", RECORDING)
    assert done.status == 2
    assert "found `answerer`, which reads both" in done.error


@pytest.mark.usefixtures("toys")
def test_nothing_stands_beside_a_recording(knotmeter: Knotmeter) -> None:
    """Neither files nor an instrument."""
    path = recorded(0)
    done = knotmeter("replay", RECORDING, path, "--instrument", "A.B")
    assert done.status == 2
    assert "`FILE`: expected nothing beside a recording, found 2 names" in done.error
    assert "`--instrument`: expected none with a recording" in done.error


@pytest.mark.usefixtures("toys")
def test_a_recording_with_a_gap_is_refused(knotmeter: Knotmeter) -> None:
    """Records that were lost before they were recorded are named, not passed over."""
    first, rest = flow(["trade", "quote", "bar"] * 20).split_at_sequence(21)
    later = rest.split_at_sequence(31)[1]
    _record([(1, first), (1, later)])
    done = knotmeter("replay", RECORDING)
    assert done.status == 2
    assert "expected every record from 1 on, found" in done.error.replace("\n", " ")


@pytest.mark.usefixtures("toys")
def test_a_flow_that_was_begun_anew_is_refused(knotmeter: Knotmeter) -> None:
    """Records of two epochs are two flows."""
    _record([(2, flow(["trade", "quote", "bar"] * 20))])
    done = knotmeter("replay", RECORDING)
    assert done.status == 2
    assert "begun anew (epoch 2)" in done.error.replace("\n", " ")


@pytest.mark.usefixtures("toys")
def test_dropped_days_and_an_empty_recording_are_refused(knotmeter: Knotmeter) -> None:
    """A replay begins with the first record, or not at all."""
    recorded(0)
    manifest = msgspec.structs.replace(read_manifest(RECORDING), dropped_before="2026-01-02")
    (RECORDING / NAME).write_bytes(encode_manifest(manifest))
    assert "found days before 2026-01-02 dropped" in knotmeter("replay", RECORDING).error.replace("\n", " ")
    Recording.open(Path("empty"), Terms(engines=()), QuickDisk()).close()
    assert "expected a recording with market records, found none" in knotmeter("replay", "empty").error


def _record(slices: list[tuple[int, Records]]) -> None:
    recording = Recording.open(RECORDING, Terms(engines=()), QuickDisk())
    recorder = Recorder(recording)
    for epoch, records in slices:
        recorder.receive(Bus.MARKET_DATA, frame(records, epoch))
    recorder.flush()
    recording.close()


def _read(feed: RecordedFlow, limit: int) -> Records:
    parts = []
    while len(part := feed.read(limit)):
        parts.append(part)
    return Records.joined(parts)


def _bytes(records: Records) -> dict[str, bytes]:
    return {kind: array.tobytes() for kind, array in records}
