"""The folder that a fleet lives in: who runs there, where it is reached, and what its session is made of."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from shared.errors import KnotmeterError

DEFAULT: Final = Path(".knotmeter")
"""Where a fleet lives if nobody says otherwise."""

VARIABLE: Final = "KNOTMETER_FOLDER"
"""Environment variable that names another folder."""


class FleetError(KnotmeterError):
    """A fleet that cannot be started, found or stopped."""


class MemberFile(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a running fleet."""

    name: str
    kind: str
    """``engine`` or ``recorder``."""
    host: str
    port: int
    pid: int | None = None

    @property
    def url(self) -> str:
        """Where its HTTP face is."""
        return f"http://{self.host}:{self.port}"


class FleetFile(msgspec.Struct, frozen=True, kw_only=True):
    """A running fleet, as others find it."""

    pid: int
    started_ns: int
    mode: str
    members: tuple[MemberFile, ...]
    buses: dict[str, str]
    """URL of each bus for a user that may read and nothing else, secret included."""
    recording: str
    api_token: str | None = None


class SessionFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the results in a folder rest on."""

    mode: str
    made_from: dict[str, str]
    complete: bool = False
    run: dict[str, Any] = {}
    """What the output of the session says of it."""


class FleetFolder:
    """Paths and files of one fleet; `lock` makes it ours."""

    def __init__(self, place: Path | None = None) -> None:
        chosen = place or Path(os.environ.get(VARIABLE) or DEFAULT)
        self.place = chosen.absolute()
        self.servers = self.place / "servers"
        self.logs = self.place / "logs"
        self.recording = self.place / "recording"
        self.settings = self.place / "settings.toml"
        self._lock: BinaryIO | None = None

    def lock(self) -> None:
        """Make the folder, and keep every other fleet out of it.

        Raises:
            FleetError: a fleet runs there, or the folder cannot be made.
        """
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            lock = (self.place / "lock").open("ab")
        except OSError as error:
            message = f"`--folder`: expected a folder to write in, found {self.place}: {error.strerror}"
            raise FleetError(message) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            owner = self.running()
            who = f"process {owner.pid}" if owner else "another process"
            message = (
                f"`--folder`: expected no fleet in {self.place}, found one run by {who}; stop it with "
                "`knotmeter down`, or name another folder"
            )
            raise FleetError(message) from None
        self._lock = lock

    def unlock(self) -> None:
        """Let others have the folder."""
        (self.place / "fleet.json").unlink(missing_ok=True)
        if self._lock is not None:
            (self.place / "lock").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def is_locked(self) -> bool:
        """Whether a living process runs a fleet here."""
        try:
            with (self.place / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def write_fleet(self, fleet: FleetFile) -> None:
        """Tell others where the fleet is reached; it holds secrets, so only the owner may read it."""
        _write(self.place / "fleet.json", msgspec.json.format(msgspec.json.encode(fleet), indent=2), 0o600)

    def fleet(self) -> FleetFile:
        """The fleet that runs here.

        Raises:
            FleetError: there is none.
        """
        found = self.running()
        if found is None:
            message = (
                f"`--folder`: expected a running fleet in {self.place}, found none; start one with "
                "`knotmeter up`, or name its folder"
            )
            raise FleetError(message)
        return found

    def running(self) -> FleetFile | None:
        """The fleet that runs here, None if there is none."""
        if not self.is_locked():
            return None
        found: FleetFile | None = _read(self.place / "fleet.json", FleetFile)
        return found

    def session(self) -> SessionFile | None:
        """The session whose results lie here, None if there is none."""
        found: SessionFile | None = _read(self.place / "session.json", SessionFile)
        return found

    def write_session(self, session: SessionFile) -> None:
        """Say what the results here rest on."""
        _write(
            self.place / "session.json", msgspec.json.format(msgspec.json.encode(session), indent=2), 0o644
        )

    def clear(self) -> None:
        """Forget the session: streams, checkpoints and recording."""
        shutil.rmtree(self.servers, ignore_errors=True)
        shutil.rmtree(self.recording, ignore_errors=True)
        (self.place / "session.json").unlink(missing_ok=True)


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What a session was made from and is no more, a line each."""
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name}: expected {before.get(name)}, found {now.get(name)}" for name in changed]


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        message = f"Expected {path} as `knotmeter up` writes it, found {error}; remove it"
        raise FleetError(message) from error


def _write(path: Path, data: bytes, mode: int) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data + b"\n")
    draft.replace(path)
