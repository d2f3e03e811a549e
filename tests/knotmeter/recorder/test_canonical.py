"""The canonical order of recorded events, in memory and from the disk."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.topics import Bus
from knotmeter.recorder import canonical
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.canonical import in_order
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.traffic import event_row, expected, traffic


def record(folder: Path, seed: int, n_events: int = 80) -> None:
    """Record the events of a session, flushed now and then."""
    recording = Recording.open(folder, disk=QuickDisk())
    recorder = Recorder(recording)
    generator = random.Random(seed)
    for one in traffic(seed, 0, n_events)[Bus.ENGINE_LOGIC]:
        recorder.receive(Bus.ENGINE_LOGIC, one)
        if generator.random() < 0.2:
            recorder.flush()
    recorder.flush()
    recording.close()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), n_rows=st.sampled_from([1, 3, 10, 1_000]))
def test_events_come_by_time_source_and_sequence(seed: int, n_rows: int) -> None:
    """Whatever order they were recorded in, and in however small parts they have to be sorted."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "SORTED_ROWS", n_rows)
        record(Path(place) / "recording", seed)
        scratch = Path(place) / "scratch"
        scratch.mkdir()
        n_parts = 0

        @contextmanager
        def writing(name: str) -> Iterator[Path]:
            nonlocal n_parts
            n_parts += 1
            yield scratch / name

        with Archive(Path(place) / "recording") as archive:
            found = [event_row(one) for one in in_order(archive, writing)]
        assert list(scratch.iterdir()) == []

    rows = [row for name, rows in expected(traffic(seed, 0)).items() if "events/" in name for row in rows]
    assert found == sorted(rows, key=lambda row: (row[5], row[2], row[3], row[4]))
    assert (n_parts > 0) == (n_rows < 1_000)


def test_large_events_count_by_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows can be too many for the memory."""
    monkeypatch.setattr(canonical, "SORTED_BYTES", 1)
    record(tmp_path / "recording", 1)
    names = []

    @contextmanager
    def writing(name: str) -> Iterator[Path]:
        names.append(name)
        yield tmp_path / name

    with Archive(tmp_path / "recording") as archive:
        assert len(list(in_order(archive, writing))) > 40
    assert names
