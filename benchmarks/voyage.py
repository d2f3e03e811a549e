"""One session of files through the fleet, one of three ways: a whole run of the command line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.answers import AnswerError
from benchmarks.harness import MissingError
from benchmarks.logbook import Logbook
from bus.frames import Fields
from bus.redis import Address, RedisTransport
from bus.topics import Bus
from bus.transport import BEGINNING
from knotmeter.fleet.folder import FleetFolder
from knotmeter.recorder.manifest import read_manifest
from shared.clock import monotonic_ns, pause, wall_ns
from shared.errors import DataError

ROOT: Final = Path(__file__).parent.parent
DEADLINE: Final = 180.0
"""Seconds after which a run has failed."""

_LOOK: Final = 0.02
_PAGE: Final = 256
_REFUSED: Final = 2
"""Status of a command that something keeps from starting which the user has to mend."""


class Way(StrEnum):
    """How a session is run."""

    REPLAY = "replay"
    SINGLE = "up --single"
    FLEET = "up"


class Voyage(NamedTuple):
    """What a run left."""

    began_ns: int
    """Wall time at which its command was started, ns."""
    log: bytes
    """The canonical event log."""
    logbook: Logbook


class Charter(NamedTuple):
    """What is run."""

    file: Path
    settings: tuple[str, ...]
    speed: str = "max"
    """Pace of the two that have one; a replay has none."""


def sail(way: Way, charter: Charter) -> Voyage:
    """Run a session to its end.

    Raises:
        AnswerError: the command failed, or did not end.
        MissingError: something that it needs is not on this machine.
    """
    with tempfile.TemporaryDirectory(prefix="knotmeter-") as folder:  # short: sockets have their paths in it
        place = Path(folder)
        return _as_fleet(charter, place) if way is Way.FLEET else _in_one_process(way, charter, place)


def _in_one_process(way: Way, charter: Charter, place: Path) -> Voyage:
    tap, output = place / "tap", place / "output"
    settings = [word for setting in charter.settings for word in ("--set", setting)]
    arguments = {
        Way.REPLAY: ["replay", str(charter.file)],
        Way.SINGLE: [*_up(charter, place), "--single", "--exit-when-done"],
    }[way]
    command = ["-m", "benchmarks.endpoints.tapped", str(tap), *arguments, *settings]
    began = wall_ns()
    process = _start([*command, "--quiet", "--output", str(output)])
    _ended(process)
    return Voyage(began, (output / "events.jsonl").read_bytes(), Logbook.read(tap))


def _as_fleet(charter: Charter, place: Path) -> Voyage:
    """Run a fleet until its recording is complete; then read what its servers still hold."""
    folder = FleetFolder(place / "f")
    # Nothing is dropped before it was read here.
    settings = [word for setting in charter.settings for word in ("--set", setting)]
    settings += ["--set", f"fleet.keep_seconds={DEADLINE:g}"]
    began = wall_ns()
    process = _start(["-m", "knotmeter", *_up(charter, place), *settings, "--quiet"])
    try:
        _wait_until_complete(folder.recording, process)
        logbook = asyncio.run(_held(folder.fleet().buses))
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=DEADLINE)
        process.kill()
    output = place / "output"
    _ended(_start(["-m", "knotmeter", "export", str(folder.recording), "--output", str(output), "--quiet"]))
    return Voyage(began, (output / "events.jsonl").read_bytes(), logbook)


def _up(charter: Charter, place: Path) -> list[str]:
    folder = ["--folder", str(place / "f"), "--free-ports"]
    return ["up", "--replay", str(charter.file), "--speed", charter.speed, *folder]


def _start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KNOTMETER_")}
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )


def _ended(process: subprocess.Popen[str]) -> None:
    """Wait for the end of a command.

    Raises:
        AnswerError: it failed, or did not end.
        MissingError: it was kept from starting.
    """
    try:
        _, told = process.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        message = f"expected a run to end within {DEADLINE:g} s, found it running"
        raise AnswerError(message) from error
    if process.returncode:
        last = (told.strip().splitlines() or ["nothing"])[-1]
        message = f"a run ended with status {process.returncode}: {last}"
        raise (MissingError if process.returncode == _REFUSED else AnswerError)(message)


def _wait_until_complete(recording: Path, process: subprocess.Popen[str]) -> None:
    deadline = monotonic_ns() + round(DEADLINE * 1e9)
    while not _is_complete(recording):
        if process.poll() is not None:
            _ended(process)
            message = "expected a fleet to run until it is stopped, found it ended"
            raise AnswerError(message)
        if monotonic_ns() > deadline:
            message = f"expected a complete recording within {DEADLINE:g} s, found none"
            raise AnswerError(message)
        pause(_LOOK)


def _is_complete(recording: Path) -> bool:
    try:
        return read_manifest(recording).complete
    except DataError:
        return False  # nothing is recorded yet


async def _held(buses: dict[str, str]) -> Logbook:
    """Everything that both servers hold."""
    transport = RedisTransport({bus: Address.parse(buses[bus.value]) for bus in Bus})
    try:
        return Logbook.of(*[await _entries(transport, bus) for bus in (Bus.MARKET_DATA, Bus.ENGINE_LOGIC)])
    finally:
        await transport.close()


async def _entries(transport: Any, bus: Bus) -> list[Fields]:
    found: list[Fields] = []
    place = BEGINNING
    while entries := await transport.read(bus, place, _PAGE):
        place = entries[-1].id
        found += [entry.fields for entry in entries]
    return found
