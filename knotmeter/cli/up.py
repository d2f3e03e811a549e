"""Run a fleet here: two servers, a process for each engine, the recorder.

Data files are replayed in their own time or as fast as it goes. The result is
that of `knotmeter replay`, whatever the speed and whatever crashes meanwhile:
what ends is started again and goes on from its checkpoint. A fleet lives in a
folder; Ctrl-C or `knotmeter down` stops it, and the same command goes on.
"""

from __future__ import annotations

import argparse
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from knotmeter.cli.arguments import add_folder, add_settings, whole_number
from knotmeter.cli.fleet_view import FleetView
from knotmeter.cli.program import INTERRUPTED, guarded
from knotmeter.cli.terminal import standard_error, standard_output
from knotmeter.fleet.detached import detach
from knotmeter.fleet.folder import FleetFolder, SessionFile
from knotmeter.fleet.session import take_up
from knotmeter.fleet.single import SingleFleet
from knotmeter.fleet.supervisor import Supervisor
from knotmeter.output.folder import OutputFolder
from knotmeter.recorder.export import export
from knotmeter.session import interruptible, load_all_settings, source_files
from shared import registry
from shared.errors import SettingsError
from shared.fleet_settings import LARGEST_FRAME, RECORDER
from shared.process import members

_SPEED = re.compile(r"max|\d+(\.\d+)?x")
_REMEDY = "give the same files and settings to go on, --reset to begin anew, or another folder"


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter up --replay trades.parquet --speed 60x
  knotmeter up --replay trades.csv.gz --exit-when-done --output OUT
  knotmeter up --replay trades.csv quotes.csv --settings fleet.toml --detach"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("--replay", metavar="FILE", nargs="+", default=[], help="data files, merged by time")
    add(
        "--instrument",
        metavar="ID",
        action="append",
        default=[],
        help="SYMBOL.VENUE of files that name none: once for all files, or once for each in order",
    )
    add(
        "--speed", metavar="Nx|max", type=_speed, help="pace, a multiple of the files' own time (default max)"
    )
    add("--only", metavar="ENGINE", nargs="+", default=[], help="engines to run besides the source; else all")
    add("--exit-when-done", action="store_true", help="stop once the whole feed is handled and recorded")
    add(
        "--output", metavar="DIR", type=Path, help="with --exit-when-done: the results, as replay leaves them"
    )
    add("--force", action="store_true", help="replace the results in DIR")
    add("--frame-size", metavar="N", type=whole_number(1, LARGEST_FRAME), help="most records of a frame")
    add("--single", action="store_true", help="everything in one process over a bus in memory")
    add("--detach", action="store_true", help="return once it is up; `knotmeter down` stops it")
    add("--free-ports", action="store_true", help="let every process listen at a port that is free")
    add("--reset", action="store_true", help="begin anew, and forget the session that the folder holds")
    add("--quiet", action="store_true", help="print nothing but complaints")
    add_folder(parser)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if not arguments.detach:
        return _start(arguments, lambda: None)
    if arguments.exit_when_done:
        raise SettingsError(["`--detach`: expected no `--exit-when-done` beside it, found one"])
    folder = FleetFolder(arguments.folder)
    log = folder.logs / "up.log"
    status = detach(log, lambda ready: guarded(lambda: _start(arguments, ready)))
    if status is not None:
        standard_error().print(log.read_text("utf-8").rstrip(), soft_wrap=True)
        return status
    if not arguments.quiet:
        FleetView(standard_output(), folder, quiet=True).tell(folder.fleet().members)
    return 0


def _start(arguments: argparse.Namespace, on_ready: Callable[[], None]) -> int:
    settings = _settings(arguments)
    folder = FleetFolder(arguments.folder)
    folder.lock()
    try:
        session = take_up(folder, settings, reset=arguments.reset, where="`--folder`", remedy=_REMEDY)
        if arguments.output is None:
            return _run(arguments, folder, settings, session, None, on_ready)
        with OutputFolder(arguments.output, force=arguments.force) as output:
            output.begin()
            return _run(arguments, folder, settings, session, output, on_ready)
    finally:
        folder.unlock()


def _run(
    arguments: argparse.Namespace,
    folder: FleetFolder,
    settings: dict[str, Any],
    session: SessionFile,
    output: OutputFolder | None,
    on_ready: Callable[[], None],
) -> int:
    names = [*(spec.name for spec in members(settings["fleet"])), RECORDER]
    ports = _free_ports(names) if arguments.free_ports else {}
    kind = SingleFleet if arguments.single else Supervisor
    fleet = kind(folder, settings, ports)
    with interruptible(fleet.stop):
        done = uvloop.run(_drive(arguments, folder, fleet, on_ready))
    console = standard_output()
    if done:
        folder.write_session(msgspec.structs.replace(session, complete=True))
        if output is not None:
            export(folder.recording, output, quiet=arguments.quiet)
            output.finish()
        if not arguments.quiet:
            where = f"results in {output.place}" if output else f"recording in {folder.recording}"
            console.print(f"done: {where}", soft_wrap=True)
        return 0
    if arguments.single:
        folder.clear()
    if not arguments.quiet:
        further = (
            "nothing is left to go on from" if arguments.single else "the same command goes on from here"
        )
        console.print(f"stopped; {further}", soft_wrap=True)
    return INTERRUPTED if arguments.exit_when_done else 0


async def _drive(
    arguments: argparse.Namespace,
    folder: FleetFolder,
    fleet: Supervisor | SingleFleet,
    on_ready: Callable[[], None],
) -> bool:
    view = FleetView(standard_error(), folder, quiet=arguments.quiet)

    def ready() -> None:
        view.started(fleet.members)
        on_ready()

    try:
        return await fleet.run(lambda: view.look() and arguments.exit_when_done, ready)
    finally:
        view.ended()


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """All settings, with what the arguments say in their place.

    Raises:
        SettingsError: something is wrong or contradicts.
    """
    if arguments.output is not None and not arguments.exit_when_done:
        raise SettingsError(["`--output`: expected `--exit-when-done` with it, found none"])
    if arguments.force and arguments.output is None:
        raise SettingsError(["`--force`: expected `--output DIR` with it, found none"])
    flags = [*arguments.flags]
    if arguments.only:
        source = registry.source().name
        flags.append(f"fleet.engines={','.join(dict.fromkeys([source, *arguments.only]))}")
    if arguments.speed:
        flags.append(f"fleet.speed={arguments.speed}")
    if arguments.frame_size:
        flags.append(f"fleet.frame_size={arguments.frame_size}")
    settings = load_all_settings(flags, arguments.settings)
    members(settings["fleet"])
    source = registry.source().name
    files = [_absolute(file) for file in source_files(settings, arguments.replay, arguments.instrument)]
    settings[source] = msgspec.structs.replace(settings[source], files=tuple(files))
    place = FleetFolder(arguments.folder).recording
    settings[RECORDER] = msgspec.structs.replace(settings[RECORDER], folder=str(place))
    return settings


def _absolute(file: Any) -> Any:
    return msgspec.structs.replace(file, path=str(Path(file.path).absolute()))


def _speed(text: str) -> str:
    if not _SPEED.fullmatch(text) or text.rstrip("x").strip("0.") == "":
        message = f"expected `max` or a multiple above 0 such as `1x`, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return text


def _free_ports(names: list[str]) -> dict[str, int]:
    """A free port for each process; all are held until each is known, so that none is given twice."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    try:
        return {name: held.getsockname()[1] for name, held in zip(names, sockets, strict=True)}
    finally:
        for held in sockets:
            held.close()
