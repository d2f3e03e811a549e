"""List inputs that engines set aside, and have them tried again.

An engine sets aside what it cannot decode or handle, with the reason, and goes
on. `redrive` has it handle such an input now, as late data; its letter is gone
once that has happened. The letter of a redrive that failed is about the
command; redrive the first again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final

import msgspec
from rich.console import Console

from knotmeter.cli.arguments import Parser, add_folder, whole_number
from knotmeter.cli.terminal import heading, paragraph, size, standard_error, standard_output
from knotmeter.client import AsyncClient, Awaiting, Blocking, Client, ClientError, Engine, ProblemError
from knotmeter.client.answers import Letter, Letters
from knotmeter.fleet.folder import FleetError, FleetFolder

LISTED: Final = 20
MOST_LISTED: Final = 1_000
"""Letters of an engine that one answer holds."""

ANSWER_SECONDS: Final = 15.0
"""A redrive is answered after it was read back from the bus and applied."""

_NOT_FOUND: Final = 404


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter dead-letters list
  knotmeter dead-letters list --engine ENGINE --limit 100 --json
  knotmeter dead-letters redrive ENGINE 3 4"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Action)
    listing = actions.add_parser("list", help="show the last inputs that were set aside, newest first")
    listing.add_argument("--engine", metavar="ENGINE", help="of this engine alone")
    listing.add_argument(
        "--limit",
        metavar="N",
        type=whole_number(1, MOST_LISTED),
        default=LISTED,
        help=f"most letters of an engine (default {LISTED})",
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    add_folder(listing)
    redrive = actions.add_parser("redrive", help="have inputs tried again")
    redrive.add_argument("engine", metavar="ENGINE", help="whose inputs they are")
    redrive.add_argument(
        "numbers", metavar="NUMBER", nargs="*", type=whole_number(0), help="numbers that `list` shows"
    )
    redrive.add_argument("--all", action="store_true", help=f"the last {MOST_LISTED:,} inputs, oldest first")
    add_folder(redrive)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    folder = FleetFolder(arguments.folder)
    if arguments.action == "list":
        return asyncio.run(_list(arguments, folder))
    if bool(arguments.numbers) == arguments.all:
        found = "both" if arguments.all else "neither"
        message = f"`NUMBER`: expected numbers of dead letters or --all, found {found}"
        raise FleetError(message)
    with Client.of_fleet(folder.place, timeout=ANSWER_SECONDS, patience=0.0) as client:
        return _redrive(client.engine(arguments.engine), arguments)


class _Action(Parser):
    """Parser of one action, whose help is the line that the command shows of it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, None)


async def _list(arguments: argparse.Namespace, folder: FleetFolder) -> int:
    """Ask every engine at once, and show what those that answer have."""
    async with AsyncClient.of_fleet(folder.place, timeout=ANSWER_SECONDS, patience=0.0) as client:
        names = client.names if arguments.engine is None else [arguments.engine]
        answers = await asyncio.gather(*(_letters(client.engine(name), arguments.limit) for name in names))
    found = {name: answer for name, answer in zip(names, answers, strict=True) if isinstance(answer, Letters)}
    if arguments.json:
        sys.stdout.write(f"{msgspec.json.encode({'engines': found}).decode()}\n")
    else:
        _print(standard_output(), found)
    for answer in answers:
        if isinstance(answer, ClientError):
            standard_error().print(f"knotmeter dead-letters: {answer}", soft_wrap=True)
    return 0 if len(found) == len(names) else 1


async def _letters(engine: Engine[Awaiting], limit: int) -> Letters | ClientError:
    try:
        return await engine.dead_letters(limit)
    except ClientError as error:
        return error


def _print(console: Console, found: dict[str, Letters]) -> None:
    for name, letters in found.items():
        if letters.n_dead_letters == 0 and not letters.dead_letters:
            continue
        heading(console, f"{name}: {letters.n_dead_letters:,} set aside since the start")
        for letter in letters.dead_letters:
            paragraph(console, _text(letter), hanging=2)
    if not any(letters.n_dead_letters or letters.dead_letters for letters in found.values()):
        console.print("no dead letters")


def _text(letter: Letter) -> str:
    """One letter, its number first.

    >>> _text(
    ...     Letter(
    ...         number=3,
    ...         producer="md",
    ...         producer_epoch=1,
    ...         producer_sequence=812,
    ...         message_type="trade",
    ...         error="`size`: expected a number from 0, got -1",
    ...         n_bytes=48,
    ...         redriven_from=None,
    ...     )
    ... )
    '3: trade 1-812 of md, 48 B: `size`: expected a number from 0, got -1'
    """
    origin = f"{letter.message_type} {letter.producer_epoch}-{letter.producer_sequence} of {letter.producer}"
    again = "" if letter.redriven_from is None else f", a redrive of {letter.redriven_from}"
    return f"{letter.number}: {origin}, {size(letter.n_bytes)}{again}: {letter.error}"


def _redrive(engine: Engine[Blocking], arguments: argparse.Namespace) -> int:
    """Redrive one after the other; returns 1 if one was refused, 2 if one is not there."""
    numbers = arguments.numbers
    if arguments.all:
        letters = engine.dead_letters(MOST_LISTED).dead_letters
        numbers = [letter.number for letter in reversed(letters) if letter.redriven_from is None]
    console, status = standard_output(), 0
    if not numbers:
        console.print("no dead letters")
    for number in numbers:
        try:
            receipt = engine.redrive(number)
        except ProblemError as error:
            paragraph(console, f"{engine.name} {number}: {error.detail}", indent=0, hanging=2)
            status = max(status, 2 if error.status == _NOT_FOUND else 1)
        else:
            console.print(f"{engine.name} {number}: {receipt.outcome} as {receipt.source} {receipt.sequence}")
    return status
