"""List the settings of engines and fleet, with type, default and meaning.

A setting is taken from the first place that has it: the flag --set
ENGINE.KEY=VALUE, the environment variable KNOTMETER_<ENGINE>__<KEY>,
the settings file, the default.
"""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.text import Text

from knotmeter.cli.arguments import nearest
from knotmeter.cli.terminal import heading, paragraph, standard_output
from shared import config, registry
from shared.errors import SettingsError
from shared.fleet_settings import SHARED_SETTINGS


def examples() -> str:
    """Examples for the help text."""
    return f"examples:\n  knotmeter settings\n  knotmeter settings {registry.source().name}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "table", metavar="TABLE", nargs="?", help="one engine, or a table of the fleet; else all of them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    known: dict[str, Any] = {name: registry.config_type(name) for name in registry.engines()}
    known |= SHARED_SETTINGS
    if arguments.table is not None and arguments.table not in known:
        hint = nearest(arguments.table, list(known))
        expected = f"one of {', '.join(known)}"
        raise SettingsError([f"`TABLE`: expected {expected}, found {arguments.table!r}{hint}"])
    console = standard_output()
    for name in [arguments.table] if arguments.table else known:
        heading(console, name)
        _print(console, name, known[name])
    return 0


def _print(console: Console, table: str, kind: Any) -> None:
    for setting in config.describe(kind):
        console.print(Text(f"  {table}.{setting.key}", style="bold"))
        paragraph(console, f"{setting.type}; default: {setting.default}", 4)
        if setting.description:
            paragraph(console, setting.description, 4)
