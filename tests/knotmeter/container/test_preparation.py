"""What is made ready before the containers of a fleet start, with folders in the place of volumes."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from bus.errors import BusError
from bus.server import find_binary
from bus.topics import Bus
from knotmeter.container.__main__ import REFUSED, main
from knotmeter.container.preparation import RESET, Places
from shared import registry
from shared.fleet_settings import RECORDER
from tests.live.running import wait_until

Prepare = Callable[[], int]
"""Prepares the volumes; returns the exit status."""

ENGINES = tuple(registry.engines())
PARTS = (*ENGINES, RECORDER)


@pytest.fixture
def places() -> Iterator[Places]:
    """Empty volumes, at a path that leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(prefix="knotmeter-") as place:
        root = Path(place)
        found = Places(folder=root / "fleet", access=root / "access", sockets=root / "sockets")
        found.folder.mkdir()
        for name in ("servers", *PARTS):
            (found.access / name).mkdir(parents=True)
        for bus in Bus:
            (found.sockets / bus.value).mkdir(parents=True)
        yield found


@pytest.fixture
def prepare(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """The program, with a file to replay and no settings from elsewhere."""
    for name in [name for name in os.environ if name.startswith("KNOTMETER_")]:
        monkeypatch.delenv(name)
    source = registry.source().name
    data, settings = tmp_path / "trades.csv", tmp_path / "fleet.toml"
    data.write_text("ts_event,price,size\n1700000000,1,1\n", "utf-8")
    settings.write_text(f'[[{source}.files]]\npath = "{data}"\n', "utf-8")
    return lambda: main(["--settings", str(settings)], places)


@contextmanager
def running_server(places: Places, bus: Bus) -> Iterator[Path]:
    """A server of a bus that lets in whom its file of users names; its socket."""
    try:
        binary = find_binary()
    except BusError as error:
        pytest.skip(str(error))
    socket = places.sockets / bus.value / "bus.sock"
    users = places.access / "servers" / f"{bus}.users"
    options = {"port": "0", "unixsocket": str(socket), "aclfile": str(users), "save": ""}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    server = subprocess.Popen([binary, *words], cwd=places.folder, stdout=subprocess.DEVNULL)
    try:
        wait_until(socket.exists, "the server")
        yield socket
    finally:
        server.kill()
        server.wait()


def secret_of(places: Places, part: str) -> str:
    """What a part of the fleet is told."""
    return (places.access / part / "secret").read_text("utf-8")


def test_each_part_has_a_secret_of_its_own(places: Places, prepare: Prepare) -> None:
    """One file each that its owner alone may read; the servers know hashes, and the reader's secret."""
    assert prepare() == 0

    secrets = {part: secret_of(places, part) for part in PARTS}
    assert len({*secrets.values()}) == len(PARTS)
    assert min(map(len, secrets.values())) >= 32
    servers = places.access / "servers"
    assert {path.name for path in servers.iterdir()} == {"md.users", "logic.users", "reader"}
    for bus in Bus:
        users = (servers / f"{bus}.users").read_text("utf-8")
        for part, secret in secrets.items():
            assert f"user {part} on #{hashlib.sha256(secret.encode()).hexdigest()} " in users
            assert secret not in users
    files = [path for path in places.access.rglob("*") if path.is_file()] + [places.folder / "secrets.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}


def test_preparing_again_changes_nothing(places: Places, prepare: Prepare) -> None:
    """Secrets and users stay, and so does what was recorded."""
    assert prepare() == 0
    (places.folder / "recording" / "kept").touch()
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in places.access.rglob("*")}

    assert prepare() == 0

    assert {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in places.access.rglob("*")
    } == before
    assert (places.folder / "recording" / "kept").exists()


def test_another_session_is_refused_until_it_shall_begin_anew(
    places: Places,
    prepare: Prepare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other data is named, with what may be done; the variable has both volumes emptied."""
    assert prepare() == 0
    kept = [places.folder / name / "kept" for name in ("recording", "servers")]
    for path in kept:
        path.touch()
    secret = secret_of(places, RECORDER)
    (tmp_path / "trades.csv").write_text("ts_event,price,size\n1700000000,2,1\n", "utf-8")
    capsys.readouterr()

    assert prepare() == REFUSED
    told = capsys.readouterr().err
    assert told.startswith("knotmeter: the volumes: expected what the session in ")
    assert "\n  - file 1: expected 35 bytes with SHA-256" in told
    assert f"{RESET}=1 to begin anew" in told
    assert all(path.exists() for path in kept)

    monkeypatch.setenv(RESET, "1")
    assert prepare() == 0
    assert not any(path.exists() for path in kept)
    assert secret_of(places, RECORDER) == secret


def test_nothing_is_emptied_under_a_running_fleet(
    places: Places,
    prepare: Prepare,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beginning anew is refused while a server runs, and so it is when the session was lost."""
    assert prepare() == 0
    kept = places.folder / "recording" / "kept"
    kept.touch()
    with running_server(places, Bus.MARKET_DATA):
        assert prepare() == 0
        monkeypatch.setenv(RESET, "1")
        assert prepare() == REFUSED
        told = capsys.readouterr().err
        assert "expected no running fleet to begin anew, found the server of md; stop the fleet" in told
        monkeypatch.delenv(RESET)
        (places.folder / "session.json").unlink()
        assert prepare() == REFUSED

    assert kept.exists()


def test_a_running_server_is_told_of_new_users(places: Places, prepare: Prepare) -> None:
    """An engine that came later, or has a new secret, is let in without a restart."""
    assert prepare() == 0
    engine = ENGINES[0]
    with running_server(places, Bus.MARKET_DATA) as socket:
        file = places.folder / "secrets.json"
        known = json.loads(file.read_text("utf-8"))
        del known[engine]
        file.unlink()
        file.write_text(json.dumps(known), "utf-8")
        before = secret_of(places, engine)

        assert prepare() == 0

        after = secret_of(places, engine)
        assert after != before
        with redis.Redis(unix_socket_path=str(socket), username=engine, password=after) as client:
            assert client.ping()


def test_what_cannot_be_prepared_is_told(
    places: Places, prepare: Prepare, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that is missing, a damaged file, a wrong variable: one sentence, and exit status 2."""
    (places.access / ENGINES[-1]).rmdir()
    assert prepare() == REFUSED
    assert f"Expected a volume at {places.access / ENGINES[-1]}, found none" in capsys.readouterr().err

    (places.access / ENGINES[-1]).mkdir()
    (places.folder / "secrets.json").unlink()
    (places.folder / "secrets.json").write_text("{", "utf-8")
    assert prepare() == REFUSED
    assert "secrets.json as this program writes it" in capsys.readouterr().err

    monkeypatch.setenv(RESET, "yes")
    assert prepare() == REFUSED
    assert f"`{RESET}`: expected 1 to begin anew, 0 or nothing, found 'yes'" in capsys.readouterr().err


def test_a_fleet_with_nothing_to_read_is_refused(
    places: Places, prepare: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a container is started for nothing."""
    assert callable(prepare)  # it has taken the settings of the environment away

    assert main([], places) == REFUSED
    assert f"or `{registry.source().name}.files` in the settings, found none" in capsys.readouterr().err
