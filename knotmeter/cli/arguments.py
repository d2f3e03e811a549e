"""Arguments of the commands: parsing, what a wrong one is told, and values with bounds."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from knotmeter.fleet.folder import DEFAULT, VARIABLE
from shared.errors import OutputError


class Parser(argparse.ArgumentParser):
    """Parser that names the nearest option and never guesses."""

    def __init__(self, prog: str, description: str | None, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit status 2."""
        self.exit(2, f"{self.prog}: {message}\nSee `{self.prog} --help`.\n")

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all arguments; one that is unknown is answered with the nearest."""
        arguments, unknown = self.parse_known_args(argv)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            self.error(f"unknown argument `{unknown[0]}`{nearest(unknown[0].partition('=')[0], options)}")
        return arguments


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint at the known word nearest to a wrong one, empty if none is near.

    >>> nearest("repaly", ["replay", "inspect"])
    '; did you mean `replay`?'
    """
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Reader of a whole number within bounds."""
    expected = f"a whole number from {lowest}" + (f" to {highest}" if highest is not None else "")

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if number < lowest or (highest is not None and number > highest):
            message = f"expected {expected}, found {text!r}"
            raise argparse.ArgumentTypeError(message)
        return number

    return read


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that takes settings."""
    parser.add_argument(
        "--set",
        dest="flags",
        metavar="ENGINE.KEY=VALUE",
        action="append",
        default=[],
        help="one setting, above environment and file; may be repeated (`knotmeter settings` lists them)",
    )
    parser.add_argument(
        "--settings", metavar="FILE.toml", type=Path, help="settings file with a table for each engine"
    )


def add_folder(parser: argparse.ArgumentParser) -> None:
    """The argument of every command that is about a running fleet."""
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        help=f"folder of the fleet (default: environment variable {VARIABLE}, else {DEFAULT})",
    )


def refuse_existing(path: Path, name: str, *, force: bool) -> None:
    """Keep a file that is there.

    Raises:
        OutputError: there is one, and nobody said to replace it.
    """
    if path.exists() and not force:
        message = f"`{name}`: expected a new file, found `{path}`; name another, or replace it with --force"
        raise OutputError(message)
