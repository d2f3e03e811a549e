"""Run the recorder as a process of a fleet.

It writes both buses to Parquet, a folder for each day, and trims the streams
below what every reader has kept. `knotmeter up` starts one, and containers run
this command. `knotmeter export` turns a recording into results.
"""

from __future__ import annotations

import argparse

from knotmeter.cli.arguments import add_settings
from knotmeter.recorder.runner import run_recorder
from knotmeter.session import load_all_settings


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter recorder --settings fleet.toml --set recorder.folder=/data/recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    return run_recorder(load_all_settings(arguments.flags, arguments.settings))
