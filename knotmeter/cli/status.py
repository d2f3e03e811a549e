"""Say how the fleet of a folder is doing: processes, buses, recording.

Exit status 0 if every process is ready and both servers answer, 1 if not, 2 if
no fleet runs. The lag of an engine is wall time less engine time; in a replay,
how far the engine is behind the one that is furthest, in the feed's time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from knotmeter.cli.arguments import add_folder
from knotmeter.cli.fleet_snapshot import FleetSnapshot, look, watching
from knotmeter.cli.fleet_table import age, buses_table, print_complaints, print_recording, processes_table
from knotmeter.cli.terminal import paragraph, standard_output
from knotmeter.fleet.folder import FleetFile, FleetFolder


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter status
  knotmeter status --json | python -m json.tool"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_folder(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    folder = FleetFolder(arguments.folder)
    snapshot = asyncio.run(_look(folder.fleet()))
    if arguments.json:
        told = {"folder": str(folder.place), "ready": snapshot.ready, **msgspec.to_builtins(snapshot)}
        del told["monotonic_seconds"]
        sys.stdout.write(f"{msgspec.json.encode(told).decode()}\n")
    else:
        _print(folder, snapshot)
    return 0 if snapshot.ready else 1


async def _look(fleet: FleetFile) -> FleetSnapshot:
    async with watching(fleet) as client:
        return await look(fleet, client)


def _print(folder: FleetFolder, snapshot: FleetSnapshot) -> None:
    console = standard_output()
    told = f"{snapshot.mode}, up for {age(snapshot.up_seconds)}, run by process {snapshot.pid}"
    console.print(f"fleet in {folder.place}: {told}", soft_wrap=True)
    console.print()
    console.print(processes_table(snapshot.processes))
    console.print()
    console.print(buses_table(snapshot.buses))
    print_recording(console, snapshot)
    print_complaints(console, snapshot)
    if not snapshot.ready:
        paragraph(console, f"logs are in {folder.logs}", hanging=2)
