"""A fleet started by `knotmeter up` in a process of its own, and what one may do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from knotmeter.fleet.folder import FleetFile, FleetFolder
from shared.clock import monotonic_ns, pause

DEADLINE_SECONDS = 120.0
"""No test waits longer for anything."""

_UP = (sys.executable, "-m", "knotmeter", "up")
TRADES = 20_000
SETTINGS = ("--set", "vpin.bucket_volume=20000", "--set", "fleet.checkpoint_seconds=0.3")


def environment() -> dict[str, str]:
    """That of this process, without settings of a fleet."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KNOTMETER_")}
    return {**kept, "COLUMNS": "80", "NO_COLOR": "1"}


def knotmeter(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "knotmeter", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        cwd=cwd,
        env=environment(),
    )


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Wait for something, up to the deadline."""
    deadline = monotonic_ns() + round(DEADLINE_SECONDS * 1e9)
    while not happened():
        assert monotonic_ns() < deadline, f"waited {DEADLINE_SECONDS:g} s for {what}"
        pause(0.02)


class Up:
    """A running `knotmeter up`, in a folder with a short path."""

    def __init__(self, folder: Path, arguments: Sequence[object]) -> None:
        self.place = folder
        self.folder = FleetFolder(folder)
        self._arguments = [str(argument) for argument in arguments]
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*_UP, "--folder", str(self.place), "--free-ports", *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=30)
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        knotmeter("down", "--folder", self.place)

    @property
    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self._process.poll() is None

    def until_up(self) -> FleetFile:
        """Wait until every process is ready."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if " is up after " in line:
                break
        return self.fleet()

    def fleet(self) -> FleetFile:
        """The fleet as others find it."""
        wait_until(lambda: self.folder.running() is not None or not self.is_running, "the fleet's file")
        found = self.folder.running()
        assert found is not None, self._process.communicate()
        return found

    def pid(self, name: str) -> int | None:
        """Process id of an engine, of the recorder, or of a bus' server; None while it is not running."""
        if name in ("md", "logic"):
            with suppress(FileNotFoundError, ValueError):
                return int((self.folder.servers / f"{name}.pid").read_text())
            return None
        found = self.folder.running()
        return next((member.pid for member in found.members if member.name == name), None) if found else None

    def kill(self, name: str) -> bool:
        """Kill a process of the fleet with signal 9; False if it is not running at the moment."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self._process.send_signal(number)

    def wait(self) -> tuple[int, str, str]:
        """Wait for the end: status, and what it printed."""
        out, error = self._process.communicate(timeout=DEADLINE_SECONDS)
        return self._process.returncode, out, error


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(prefix="knotmeter-") as folder:
        yield Path(folder) / "fleet"


def left_over(folder: Path) -> list[str]:
    """Processes that have to do with a folder, and sockets in it."""
    found = [str(path) for path in folder.rglob("*.sock")] + [str(path) for path in folder.rglob("*.new")]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(folder) in line and int(process.name) != os.getpid():
                found.append(line)
    return found
