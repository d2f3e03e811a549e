"""Stop the fleet of a folder, in order, and wait until it is gone.

Engines finish what is at hand and keep a last checkpoint; then the servers
end. The recording, the logs and what a later `knotmeter up` goes on from stay.
"""

from __future__ import annotations

import argparse
import os
import signal

from bus.server import stop_leftover
from knotmeter.cli.arguments import add_folder
from knotmeter.cli.terminal import standard_output
from knotmeter.fleet.folder import FleetError, FleetFolder
from shared.clock import monotonic_ns, pause

WAIT_SECONDS = 60.0


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter down\n  knotmeter down --folder /var/lib/knotmeter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_folder(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    folder, console = FleetFolder(arguments.folder), standard_output()
    fleet = folder.running()
    if fleet is not None:
        os.kill(fleet.pid, signal.SIGTERM)
        deadline = monotonic_ns() + round(WAIT_SECONDS * 1e9)
        while folder.is_locked():
            if monotonic_ns() > deadline:
                expected = f"process {fleet.pid} to end within {WAIT_SECONDS:g} s"
                message = f"Expected {expected}, it did not; see {folder.logs}"
                raise FleetError(message)
            pause(0.02)
        console.print(f"stopped the fleet in {folder.place}", soft_wrap=True)
        return 0
    if folder.is_locked():
        message = (
            f"Expected a fleet in {folder.place} that can be told to stop, found one that is just starting"
        )
        raise FleetError(message)
    left = stop_leftover(folder.servers) if folder.servers.is_dir() else []
    (folder.place / "fleet.json").unlink(missing_ok=True)
    found = (
        f"stopped the servers that a fleet had left in {folder.place}"
        if left
        else f"no fleet runs in {folder.place}"
    )
    console.print(found, soft_wrap=True)
    return 0
