"""`knotmeter up` as a user meets it: the log of a replay, stops and goes on, complains in sentences."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live.running import SETTINGS, Up, knotmeter, left_over, short_folder, wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place for a fleet."""
    with short_folder() as place:
        yield place


def test_a_fleet_says_what_a_replay_says(sample: Path, expected: bytes, folder: Path) -> None:
    """As fast as it goes and in frames of any length: log and tables of `knotmeter replay`, nothing left."""
    output = folder.parent / "out"
    arguments = ["--replay", sample, *SETTINGS, "--exit-when-done", "--output", output, "--frame-size", 7]
    with Up(folder, arguments) as up:
        status, out, error = up.wait()
    assert (status, out) == (0, f"done: results in {output}\n"), error
    assert (output / "events.jsonl").read_bytes() == expected
    assert left_over(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["logs", "recording", "servers", "session.json"]


def test_a_stopped_fleet_goes_on(sample: Path, expected: bytes, folder: Path) -> None:
    """Ctrl-C, and `down` from elsewhere, stop in order; the same command goes on, another one is refused."""
    output = folder.parent / "out"
    arguments = ["--replay", sample, *SETTINGS, "--speed", "3000x"]
    with Up(folder, arguments) as up:
        fleet = up.until_up()
        vpin = next(member for member in fleet.members if member.name == "vpin")
        wait_until(lambda: httpx.get(f"{vpin.url}/state").json()["n_handled"] > 1_000, "some records")
        second = knotmeter("up", "--folder", folder, "--replay", sample, "--free-ports")
        assert second.returncode == 2
        assert "expected no fleet in" in second.stderr
        up.send(signal.SIGINT)
        status, out, _ = up.wait()
    assert (status, out) == (0, "stopped; the same command goes on from here\n")
    assert left_over(folder) == []

    other = knotmeter(
        "up", "--folder", folder, "--replay", sample, *SETTINGS, "--set", "vpin.n_buckets=7", "--free-ports"
    )
    assert other.returncode == 2
    assert "  - vpin.n_buckets: expected 50, found 7\n" in other.stderr

    with Up(folder, arguments) as up:
        up.until_up()
        down = knotmeter("down", "--folder", folder)
        assert (down.returncode, down.stdout) == (0, f"stopped the fleet in {folder}\n")
        assert up.wait()[0] == 0
    assert left_over(folder) == []

    with Up(folder, [*arguments[:-1], "max", "--exit-when-done", "--output", output]) as up:
        assert up.wait()[0] == 0
    assert (output / "events.jsonl").read_bytes() == expected


def test_a_live_fleet_is_its_recording_replayed(sample: Path, expected: bytes, folder: Path) -> None:
    """Inputs handled as they arrive, with engines killed: what was said is what its recording leads to."""
    output = folder.parent / "out"
    arguments = ["--replay", sample, *SETTINGS, "--set", "fleet.mode=live", "--speed", "5000x"]
    with Up(folder, [*arguments, "--exit-when-done", "--output", output]) as up:
        fleet = up.until_up()
        assert fleet.mode == "live"
        assert up.kill("vpin")
        assert up.kill("marketdata")
        status, _, error = up.wait()
    assert status == 0, error
    again = folder.parent / "again"
    done = knotmeter("replay", folder / "recording", *SETTINGS, "--output", again)
    assert done.returncode == 0, done.stderr
    assert " was " not in done.stdout
    log, replayed = ((place / "events.jsonl").read_bytes() for place in (output, again))
    assert log == replayed == expected


def test_a_taken_port_is_told(sample: Path, folder: Path) -> None:
    """A start-up error names the process and what is wrong, and leaves nothing running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = knotmeter(
            "up", "--folder", folder, "--replay", sample, *SETTINGS, "--set", f"recorder.port={port}"
        )
    assert done.returncode == 2
    assert "Expected `recorder` to start" in done.stderr
    assert f"expected {port} free" in done.stderr
    assert left_over(folder) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "`FILE`: expected a data file"),
        (["--replay", "nowhere.csv"], "nowhere.csv"),
        (["--replay", "nowhere.csv", "--speed", "0x"], "expected `max` or a multiple above 0"),
        (["--replay", "nowhere.csv", "--output", "OUT"], "`--output`: expected `--exit-when-done`"),
        (["--replay", "nowhere.csv", "--only", "nobody"], "`fleet.engines`: expected engines of"),
        (["--replay", "nowhere.csv", "--set", "http.port=70000"], "`http.port`"),
    ],
)
def test_wrong_arguments_are_told(folder: Path, arguments: list[str], told: str) -> None:
    """One sentence says what was expected and found; nothing was started."""
    done = knotmeter("up", "--folder", folder, *arguments, cwd=folder.parent)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "servers").exists()


def test_down_without_a_fleet_says_so(folder: Path) -> None:
    """Nothing to stop is no fault."""
    done = knotmeter("down", "--folder", folder)
    assert (done.returncode, done.stdout) == (0, f"no fleet runs in {folder}\n")
