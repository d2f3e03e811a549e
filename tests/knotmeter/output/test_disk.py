"""A disk that fails: one sentence that says so, a status that is not 0, and nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from knotmeter.output import folder as folders
from knotmeter.output.folder import OutputFolder
from tests.knotmeter.conftest import Knotmeter

OUT = Path("OUT")
DEV_FULL = Path("/dev/full")

LIMITED = """
import resource, sys
import pytest
from knotmeter.__main__ import main
from tests.knotmeter import toy_fleet

toy_fleet.install(pytest.MonkeyPatch())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(["replay", "trades.json", "--output", "OUT", "--quiet"]))
"""


def full(*_arguments: object, **_keywords: object) -> Any:
    """What the system says when a disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "place",
    [
        "pathlib.Path.mkdir",  # the folder cannot be made
        "knotmeter.output.folder.os.fsync",  # it cannot be written out
        "pyarrow.parquet.ParquetWriter.write_batch",  # a table does not fit
        "pyarrow.parquet.ParquetWriter.close",  # its end does not fit
        "pathlib.Path.replace",  # the folder cannot be moved
    ],
)
def test_wherever_the_disk_is_full_nothing_is_left(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The message names the place and what to do; data and folder are as before."""
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        done = knotmeter("replay", trades, "--output", OUT)

    assert (done.status, done.out) == (2, "")
    for word in (
        "`--output`: expected room for",
        "found none left (No space left on device)",
        "free some space",
    ):
        assert word in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]


@pytest.mark.skipif(not DEV_FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("name", ["events.jsonl", "ask.parquet", "run.json"])
def test_a_device_that_is_really_full(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The system's own refusal, in the middle of a log, a table or the last file."""
    path = OutputFolder.path
    with monkeypatch.context() as patch:
        patch.setattr(
            OutputFolder, "path", lambda self, wanted: DEV_FULL if wanted == name else path(self, wanted)
        )
        done = knotmeter("replay", trades, "--output", OUT)

    assert done.status == 2
    assert "found none left (No space left on device)" in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]


@pytest.mark.parametrize("limit", [0, 1_000, 40_000])
def test_a_limit_on_the_length_of_files(knotmeter: Knotmeter, trades: Path, limit: int) -> None:
    """A process that may write no more says so, and leaves nothing."""
    assert callable(knotmeter)
    root = Path(folders.__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert "expected room for" in done.stderr
    assert [path.name for path in trades.resolve().parent.iterdir()] == ["trades.json"]


def test_a_resumed_run_that_fails_leaves_the_stopped_one(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the stop had kept is kept, byte for byte, and can be resumed once there is room."""
    knotmeter("replay", trades, "--output", "WHOLE")
    knotmeter("replay", trades, "--output", OUT, "--stop-after", 400)
    partial = Path("OUT.partial")
    before = {path.name: path.read_bytes() for path in partial.iterdir()}

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_batch", full)
        assert knotmeter("replay", trades, "--output", OUT, "--resume").status == 2
    assert {path.name: path.read_bytes() for path in partial.iterdir()} == before

    assert knotmeter("replay", trades, "--output", OUT, "--resume").status == 0
    assert (OUT / "events.jsonl").read_bytes() == Path("WHOLE/events.jsonl").read_bytes()


def test_a_folder_without_the_right_to_write_is_named(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other failures of the system are told in its words."""

    def forbidden(*_arguments: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    done = knotmeter("replay", trades, "--output", OUT)

    assert done.status == 2
    assert "expected to write" in done.error
    assert "found: Permission denied" in done.error


def test_a_damaged_checkpoint_is_refused(knotmeter: Knotmeter, trades: Path) -> None:
    """It says that it is damaged, and how to begin anew."""
    knotmeter("replay", trades, "--output", OUT, "--stop-after", 400)
    checkpoint = Path("OUT.partial/checkpoint.bin")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-10])
    done = knotmeter("replay", trades, "--output", OUT, "--resume")

    assert done.status == 2
    assert "found a damaged one" in done.error
    assert "begin anew with --force" in done.error
    assert json.loads(trades.read_text("utf-8"))["n_records"] == 800
