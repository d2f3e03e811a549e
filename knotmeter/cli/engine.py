"""Run one engine as a process of a fleet.

`knotmeter up` starts one for each engine, and containers run this command. It
reads and writes the two buses of the settings `bus.*`, answers HTTP at the
engine's port, and stops in order on SIGTERM.
"""

from __future__ import annotations

import argparse

from knotmeter.cli.arguments import add_settings, nearest
from knotmeter.session import load_all_settings
from shared import registry
from shared.errors import SettingsError
from shared.process import run_engine


def examples() -> str:
    """Examples for the help text."""
    name = registry.source().name
    return f"""examples:
  knotmeter engine {name} --settings fleet.toml
  KNOTMETER_BUS__SECRET=... knotmeter engine {name} --set http.port=0"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("engine", metavar="ENGINE", help="engine to run (`knotmeter engines` lists them)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    known = list(registry.engines())
    if arguments.engine not in known:
        hint = nearest(arguments.engine, known)
        raise SettingsError(
            [f"`ENGINE`: expected one of {', '.join(known)}, found {arguments.engine!r}{hint}"]
        )
    return run_engine(arguments.engine, load_all_settings(arguments.flags, arguments.settings))
