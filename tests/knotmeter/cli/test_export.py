"""The command ``export``, on toy engines."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest

from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from tests.knotmeter.conftest import Knotmeter
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.sessions import record, said
from tests.knotmeter.toy_fleet import contents, write_file

pytestmark = pytest.mark.usefixtures("toys")

OUT = Path("OUT")
RECORDING = Path("recording")


@pytest.fixture
def recording(trades: Path) -> Path:
    """A complete recording of a toy session."""
    sent, engines = said([trades])
    record(RECORDING, sent, engines, random.Random(1))
    return RECORDING


def test_an_export_prints_what_there_is(knotmeter: Knotmeter, recording: Path) -> None:
    """A summary at most 80 columns wide, and nothing to complain about."""
    done = knotmeter("export", recording, "--output", OUT)

    assert done[::2] == (0, ""), done.error
    assert max(map(len, done.out.splitlines())) <= 80
    for word in ("exported", "answer 1", "ask 1", "trade", "complete        yes", "output          OUT"):
        assert word in done.out
    assert not Path("OUT.partial").exists()
    assert {"events.jsonl", "run.json", "ask.parquet", "answer.parquet"} < set(contents(OUT))


def test_quiet_prints_nothing(knotmeter: Knotmeter, recording: Path) -> None:
    """Neither progress nor summary."""
    assert knotmeter("export", recording, "--output", OUT, "--quiet") == (0, "", "")


def test_the_same_export_twice_gives_the_same_folder(knotmeter: Knotmeter, recording: Path) -> None:
    """And with --force the second may stand in place of the first."""
    knotmeter("export", recording, "--output", OUT)
    first = contents(OUT)
    refused = knotmeter("export", recording, "--output", OUT)
    assert refused.status == 2
    assert "expected an empty folder or nothing, found files" in refused.error
    assert "replace it with --force" in refused.error

    assert knotmeter("export", recording, "--output", OUT, "--force").status == 0
    assert contents(OUT) == first


def test_what_is_missing_is_said_loudly(knotmeter: Knotmeter, trades: Path) -> None:
    """Gaps, dead letters and a missing end, even if nothing else is printed; status 0 all the same."""
    bad = write_file(Path("bad.json"), bad=(10, 20))
    assert trades.exists()
    sent, engines = said([bad])
    recording = Recording.open(RECORDING, Terms(engines=engines), QuickDisk())
    recorder = Recorder(recording)
    for bus, entries in sent.items():
        for one in [*entries[:2], *entries[3:-5]]:
            recorder.receive(bus, one)
    recorder.flush()
    recording.close()
    done = knotmeter("export", RECORDING, "--output", OUT, "--quiet")

    assert (done.status, done.out) == (0, "")
    for words in (
        "inputs were set aside as dead letters",
        "expected sizes of 0 or more",
        "messages in 1 gaps were never recorded",
        "the recording is not complete: the end of md, answerer, asker is not in it",
    ):
        assert words.lower() in done.error.lower().replace("\n", " "), words
    run = json.loads((OUT / "run.json").read_text("utf-8"))
    assert run["complete"] is False
    assert run["gaps"][0]["producer"] == "md"


def test_a_recording_without_its_first_days_says_so(knotmeter: Knotmeter, trades: Path) -> None:
    """What was dropped for its age is no gap, and no secret either."""
    sent, engines = said([trades])
    record(RECORDING, sent, engines, random.Random(1))
    recording = Recording.open(RECORDING, Terms(engines=engines), QuickDisk())
    recording._ledger.commit(msgspec.structs.replace(recording.manifest, dropped_before="2023-11-14"))
    recording.close()
    done = knotmeter("export", RECORDING, "--output", OUT)

    assert done.status == 0
    assert done.error == "knotmeter: days before 2023-11-14 were dropped from the recording\n"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nowhere", "expected a recording with a `manifest.json`, found: No such file or directory"),
        (".", "expected a recording with a `manifest.json`, found: No such file or directory"),
        ("trades.json", "expected a recording with a `manifest.json`, found: Not a directory"),
    ],
)
def test_what_is_no_recording_is_refused(
    knotmeter: Knotmeter, trades: Path, argument: str, words: str
) -> None:
    """It is named, and nothing is left."""
    done = knotmeter("export", argument, "--output", OUT)

    assert (done.status, done.out) == (2, "")
    assert words in done.error
    assert [path.name for path in Path.cwd().iterdir()] == [trades.name]


def test_a_damaged_recording_is_refused(knotmeter: Knotmeter, recording: Path) -> None:
    """The damaged file is named, and no half of an export is left."""
    path = next((recording / "events").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[50:60] = bytes(10)
    path.write_bytes(bytes(data))
    done = knotmeter("export", recording, "--output", OUT)

    assert done.status == 2
    assert f"{path.name}`: expected a readable file of the recording" in done.error
    assert not OUT.exists()
    assert not Path("OUT.partial").exists()


def test_the_output_is_asked_for(knotmeter: Knotmeter, recording: Path) -> None:
    """Nothing is written where nobody said to."""
    done = knotmeter("export", recording)

    assert done.status == 2
    assert "the following arguments are required: --output" in done.error


def test_a_full_disk_leaves_nothing(
    knotmeter: Knotmeter, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says so."""

    def full(*_arguments: object, **_keywords: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.ParquetWriter.write_batch", full)
        done = knotmeter("export", recording, "--output", OUT)

    assert done.status == 2
    assert "`--output`: expected room for" in done.error
    assert not OUT.exists()
