"""Prepare the volumes of a fleet of containers: session, secrets, users of the servers.

A container runs this to its end before the others start. KNOTMETER_RESET=1 has the volumes begin anew.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from knotmeter.container.preparation import RESET, Places, prepare
from knotmeter.session import load_all_settings, source_files
from shared import registry
from shared.errors import KnotmeterError, SettingsError
from shared.log import configure

REFUSED: Final = 2
"""Exit status where people have to mend something."""

_PLACES: Final = Places(
    folder=Path("/var/lib/knotmeter"), access=Path("/run/knotmeter/access"), sockets=Path("/run/knotmeter")
)


def main(argv: Sequence[str] | None = None, places: Places = _PLACES) -> int:
    """Prepare; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m knotmeter.container", description=__doc__)
    parser.add_argument("--settings", metavar="FILE.toml", type=Path, help="settings of the fleet")
    arguments = parser.parse_args(argv)
    configure("info")
    try:
        settings = load_all_settings((), arguments.settings)
        source = registry.source().name
        files = tuple(source_files(settings, (), ()))
        settings[source] = msgspec.structs.replace(settings[source], files=files)
        prepare(places, settings, reset=_wants_reset())
    except (KnotmeterError, OSError) as error:
        sys.stderr.write(f"knotmeter: {error}\n")
        return REFUSED
    return 0


def _wants_reset() -> bool:
    given = os.environ.get(RESET, "")
    if given not in ("", "0", "1"):
        raise SettingsError([f"`{RESET}`: expected 1 to begin anew, 0 or nothing, found {given!r}"])
    return given == "1"


if __name__ == "__main__":
    sys.exit(main())
