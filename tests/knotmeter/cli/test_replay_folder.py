"""The output folder of the command ``replay``: stopped, resumed, taken, replaced."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from knotmeter.output.folder import OutputFolder
from shared.fleet import Fleet
from tests.knotmeter.conftest import Knotmeter
from tests.knotmeter.toy_fleet import N_DEFINITIONS, N_RECORDS, contents, events, write_file

pytestmark = pytest.mark.usefixtures("toys")

OUT = Path("OUT")
PARTIAL = Path("OUT.partial")


@pytest.mark.parametrize("stops", [[1], [4], [399], [3, 400, 802], [803], [5_000]])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    knotmeter: Knotmeter, trades: Path, stops: list[int]
) -> None:
    """After any stops the folder is that of an undisturbed run, byte for byte."""
    knotmeter("replay", trades, "--output", "WHOLE")
    for number, stop in enumerate(stops):
        resume = ["--resume"] if number else []
        assert knotmeter("replay", trades, "--output", OUT, "--stop-after", stop, *resume).status == 0
    if stops[-1] <= N_RECORDS + N_DEFINITIONS:
        assert not OUT.exists()
        assert (PARTIAL / "checkpoint.bin").is_file()
        assert knotmeter("replay", trades, "--output", OUT, "--resume").status == 0

    assert contents(OUT) == contents(Path("WHOLE"))
    assert not PARTIAL.exists()


def test_a_stopped_run_says_how_to_go_on(knotmeter: Knotmeter, trades: Path) -> None:
    """On the error stream, beside the summary so far."""
    done = knotmeter("replay", trades, "--output", OUT, "--stop-after", 500)

    assert done.error == "knotmeter: stopped; the same command with --resume goes on\n"
    assert "stopped after 500 records" in done.out


def test_ctrl_c_stops_where_it_can_be_resumed(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt finishes the chunk at hand, keeps everything, and is answered with status 130."""
    knotmeter("replay", trades, "--output", "WHOLE")
    monkeypatch.setattr("shared.fleet.CHUNK", 100)
    read = Fleet._read

    def interrupted(self: Fleet, limit: int) -> None:
        read(self, limit)
        if self.position >= 500:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Fleet, "_read", interrupted)
        done = knotmeter("replay", trades, "--output", OUT)
    assert done.status == 130
    assert "stopped after" in done.out

    assert knotmeter("replay", trades, "--output", OUT, "--resume").status == 0
    assert contents(OUT) == contents(Path("WHOLE"))


def test_a_second_ctrl_c_gives_everything_up(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever insists gets out at once, and nothing is left."""

    def interrupted(_self: Fleet, _limit: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Fleet, "_read", interrupted)
    done = knotmeter("replay", trades, "--output", OUT)

    assert (done.status, done.error) == (130, "knotmeter: interrupted\n")
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]


def test_results_are_not_overwritten(knotmeter: Knotmeter, trades: Path) -> None:
    """A folder with results is replaced by --force alone."""
    knotmeter("replay", trades, "--output", OUT)
    before = contents(OUT)
    done = knotmeter("replay", trades, "--output", OUT, "--set", "asker.patience=9")
    assert done.status == 2
    assert "expected an empty folder or nothing, found files" in done.error
    assert contents(OUT) == before

    assert knotmeter("replay", trades, "--output", OUT, "--set", "asker.patience=9", "--force").status == 0
    assert contents(OUT) != before
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["OUT", "trades.json"]


def test_only_results_are_ever_replaced(knotmeter: Knotmeter, trades: Path) -> None:
    """Not even --force removes a folder that no run has made."""
    OUT.mkdir()
    (OUT / "thesis.tex").write_text("years of work", "utf-8")
    done = knotmeter("replay", trades, "--output", OUT, "--force")

    assert done.status == 2
    assert "found no `run.json`" in done.error
    assert (OUT / "thesis.tex").read_text("utf-8") == "years of work"


def test_an_empty_folder_is_filled(knotmeter: Knotmeter, trades: Path) -> None:
    """It becomes the results."""
    OUT.mkdir()
    assert knotmeter("replay", trades, "--output", OUT).status == 0
    assert (OUT / "run.json").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--set", "asker.patience=4"], "asker.patience: expected 3, found 4"),
        (["--instrument", "A.B"], 'file 1.instrument: expected null, found "A.B"'),
        (["--stop-after", "500"], "`--stop-after`: expected more than 500"),
    ],
)
def test_a_run_goes_on_with_what_it_was_made_from(
    knotmeter: Knotmeter, trades: Path, change: list[str], message: str
) -> None:
    """Other settings are refused, each difference named, and the stopped run is as before."""
    knotmeter("replay", trades, "--output", OUT, "--stop-after", 500)
    before = contents(PARTIAL)
    done = knotmeter("replay", trades, "--output", OUT, "--resume", *change)

    assert done.status == 2
    assert message in done.error
    assert contents(PARTIAL) == before
    assert knotmeter("replay", trades, "--output", OUT, "--resume").status == 0


def test_a_changed_file_is_refused(knotmeter: Knotmeter, trades: Path) -> None:
    """The file's own bytes count, not its name."""
    knotmeter("replay", trades, "--output", OUT, "--stop-after", 500)
    trades.rename("renamed.json")
    write_file(trades, N_RECORDS, seed=8)

    done = knotmeter("replay", trades, "--output", OUT, "--resume")
    assert done.status == 2
    assert "file 1: expected" in done.error
    assert knotmeter("replay", "renamed.json", "--output", OUT, "--resume").status == 0


def test_a_stopped_run_is_not_begun_anew_by_accident(knotmeter: Knotmeter, trades: Path) -> None:
    """--resume or --force says which is meant."""
    knotmeter("replay", trades, "--output", OUT, "--stop-after", 500)
    done = knotmeter("replay", trades, "--output", OUT)
    assert done.status == 2
    assert "go on with --resume, or begin anew with --force" in done.error

    assert knotmeter("replay", trades, "--output", OUT, "--force").status == 0
    assert not PARTIAL.exists()


def test_what_a_killed_run_left_is_cleared(knotmeter: Knotmeter, trades: Path) -> None:
    """A partial folder without a checkpoint is of no use to anybody."""
    PARTIAL.mkdir()
    (PARTIAL / "lock").touch()
    (PARTIAL / "events.jsonl").write_text("half a li", "utf-8")

    assert knotmeter("replay", trades, "--output", OUT).status == 0
    assert not PARTIAL.exists()
    assert len(events(OUT)) > 50


def test_a_folder_of_that_name_which_is_not_ours_is_left_alone(knotmeter: Knotmeter, trades: Path) -> None:
    """Only what a run has made is cleared."""
    PARTIAL.mkdir()
    (PARTIAL / "letter.txt").touch()
    done = knotmeter("replay", trades, "--output", OUT, "--force")

    assert done.status == 2
    assert "found it taken" in done.error
    assert (PARTIAL / "letter.txt").exists()


def test_two_runs_do_not_share_a_place(knotmeter: Knotmeter, trades: Path) -> None:
    """The second is refused while the first is at work, and harms nothing."""
    with OutputFolder(OUT) as other:
        other.begin()
        other.append("events.jsonl", b"mine")
        other.close_files()
        done = knotmeter("replay", trades, "--output", OUT)
        assert done.status == 2
        assert "expected no other run there" in done.error
        assert (PARTIAL / "events.jsonl").read_bytes() == b"mine"
