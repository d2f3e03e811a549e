"""List the settings of the engines, with type, default and meaning.

A setting is taken from the first place that has it: the flag --set
ENGINE.KEY=VALUE, the environment variable KNOTMETER_<ENGINE>__<KEY>,
the settings file, the default.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.text import Text

from knotmeter.cli.arguments import nearest
from knotmeter.cli.terminal import heading, paragraph, standard_output
from shared import config, registry
from shared.errors import SettingsError


def examples() -> str:
    """Examples for the help text."""
    return f"examples:\n  knotmeter settings\n  knotmeter settings {registry.source().name}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("engine", metavar="ENGINE", nargs="?", help="one engine; else all of them")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    known = list(registry.engines())
    if arguments.engine is not None and arguments.engine not in known:
        hint = nearest(arguments.engine, known)
        expected = f"one of {', '.join(known)}"
        raise SettingsError([f"`ENGINE`: expected {expected}, found {arguments.engine!r}{hint}"])
    console = standard_output()
    for name in [arguments.engine] if arguments.engine else known:
        heading(console, name)
        _print(console, name)
    return 0


def _print(console: Console, engine: str) -> None:
    for setting in config.describe(registry.config_type(engine)):
        console.print(Text(f"  {engine}.{setting.key}", style="bold"))
        paragraph(console, f"{setting.type}; default: {setting.default}", 4)
        if setting.description:
            paragraph(console, setting.description, 4)
