"""Crashes: whatever step of the disk is the last, no promise is lost, and in the end all is there once."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.topics import Bus
from bus.transport import EntryId
from knotmeter.recorder import compaction
from knotmeter.recorder.disk import Disk
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from tests.knotmeter.recorder.contents import content, files, progress, sorted_letters
from tests.knotmeter.recorder.disks import ForgetfulDisk, MortalDisk, PowerCut, QuickDisk
from tests.knotmeter.recorder.traffic import SOURCES, Content, Traffic, expected, traffic

TERMS = Terms(engines=SOURCES)
MOST_STEPS = 250
"""Steps of the disk after which a crash comes at the latest."""


@pytest.fixture(autouse=True)
def small_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are merged often, so that crashes meet merges."""
    monkeypatch.setattr(compaction, "FAN_IN", 3)


class Rig:
    """A recorder that is started again and again over one folder, and what it has said so far."""

    def __init__(self, folder: Path, sent: Traffic, generator: random.Random) -> None:
        self.folder = folder
        self.sent = sent
        self.generator = generator
        self.saved = {bus: EntryId(0, 0) for bus in Bus}
        """Positions that were told after a flush had returned: the streams may be trimmed up to them."""

    def run(self, disk: Disk) -> None:
        """Record what the streams still hold, until the end or the crash."""
        recording = Recording.open(self.folder, TERMS, disk)
        try:
            recorder = Recorder(recording)
            for bus in Bus:
                assert recorder.positions[bus] >= self.saved[bus], "a promise was lost"
            self._record(recorder)
        finally:
            recording._lock.release()  # a process that ends does so, and nothing else

    def _record(self, recorder: Recorder) -> None:
        """Receive and flush at random; after a flush, tell the position, or crash before that."""
        rest = {
            bus: [one for one in entries if one.id > recorder.positions[bus]]
            for bus, entries in self.sent.items()
        }
        while any(rest.values()):
            bus = self.generator.choice([bus for bus in Bus if rest[bus]])
            n_entries = self.generator.randint(1, 25)
            for one in rest[bus][:n_entries]:
                recorder.receive(bus, one)
            del rest[bus][:n_entries]
            self._flush(recorder)
        for _ in range(20):  # days that are over are merged
            self._flush(recorder)

    def _flush(self, recorder: Recorder) -> None:
        recorder.flush()
        for bus in Bus:
            self.saved[bus] = recorder.recording.manifest.position(bus)


def undisturbed(sent: Traffic, place: Path, generator: random.Random) -> tuple[Content, dict[str, Any]]:
    """Content and progress of a recording that nothing happens to."""
    Rig(place, sent, generator).run(QuickDisk())
    return sorted_letters(content(place)), progress(place)


CRASHES = {
    "seed": st.integers(0, 10_000),
    "crashes": st.lists(st.integers(0, MOST_STEPS), min_size=1, max_size=8),
    "keeps_power": st.booleans(),
}


@settings(max_examples=15)
@given(**CRASHES)
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    seed: int, crashes: list[int], keeps_power: bool
) -> None:
    """Killed or without power, after any step, again and again: the recording of an undisturbed run."""
    crash(seed, crashes, keeps_power=keeps_power)


@pytest.mark.soak
@settings(max_examples=150)
@given(**CRASHES)
def test_many_crashes(seed: int, crashes: list[int], keeps_power: bool) -> None:
    """The same for long."""
    crash(seed, crashes, keeps_power=keeps_power)


def crash(seed: int, crashes: list[int], *, keeps_power: bool) -> None:
    """Crash after so many steps in turn, then finish, and compare."""
    sent = traffic(seed, 60, 40)
    with tempfile.TemporaryDirectory() as place:
        rig = Rig(Path(place) / "recording", sent, random.Random(seed))
        for n_steps in crashes:
            disk = MortalDisk(n_steps) if keeps_power else ForgetfulDisk(n_steps)
            try:
                rig.run(disk)
            except PowerCut:
                if isinstance(disk, ForgetfulDisk):
                    disk.lose_power(rig.generator)
        rig.run(QuickDisk())
        whole, said = undisturbed(sent, Path(place) / "undisturbed", random.Random(seed))

        assert sorted_letters(content(rig.folder)) == whole == sorted_letters(expected(sent))
        found = progress(rig.folder)
        for counts in (found, said):  # gaps of both buses are found in any order
            counts["gaps"] = sorted(map(str, counts["gaps"]))
        assert found == said


def test_every_single_step_may_be_the_last() -> None:
    """One crash at each step of a session in turn, by kill and by power cut."""
    sent = traffic(3, 30, 20)
    with tempfile.TemporaryDirectory() as place:
        whole, _ = undisturbed(sent, Path(place) / "undisturbed", random.Random(3))
        for kind in (MortalDisk, ForgetfulDisk):
            n_steps, crashed = 0, True
            while crashed:
                rig = Rig(Path(place) / f"{kind.__name__}-{n_steps}", sent, random.Random(3))
                disk = kind(n_steps)
                try:
                    rig.run(disk)
                    crashed = False
                except PowerCut:
                    if isinstance(disk, ForgetfulDisk):
                        disk.lose_power(random.Random(n_steps))
                rig.run(QuickDisk())
                assert sorted_letters(content(rig.folder)) == whole, n_steps
                n_steps += 11
            assert n_steps > 100


def test_what_the_manifest_does_not_name_is_removed_at_start() -> None:
    """Segments of a batch that was never promised, and the draft of its manifest."""
    with tempfile.TemporaryDirectory() as place:
        rig = Rig(Path(place) / "recording", traffic(1), random.Random(1))
        with pytest.raises(PowerCut):
            rig.run(MortalDisk(60))
        before = files(rig.folder)
        recording = Recording.open(rig.folder, TERMS, QuickDisk())
        named = {name for name, _ in recording.manifest.files()}
        recording.close()

        assert before > named
        assert files(rig.folder) == named
        assert sorted(path.name for path in rig.folder.iterdir() if path.is_file()) == [
            "manifest.json",
            "readers.lock",
            "writer.lock",
        ]
