"""Have engines send no more orders, until they are told to resume.

The order goes to every engine that declares to take it, or to those that are
named, and is answered when each has read it back from the bus and applied it:
a crash forgets it no more than any other input. Exit status 0 if all have
applied it, 1 if one has not, 2 if no engine of the fleet takes it.
"""

from __future__ import annotations

import argparse
from typing import Final

from knotmeter.cli.fleet_order import add_order_arguments, give_order

ORDER: Final = "halt"


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter halt\n  knotmeter halt ENGINE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_order_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    return give_order(ORDER, arguments)
