"""Make the results of a session from its recording.

The folder is the one that `knotmeter replay --output` leaves: the canonical
event log, byte for byte, a Parquet table for each type of event, bars and
instruments, dead letters, and what the recording knows of the session. The
recording may still be written; what it holds by now is exported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from knotmeter import __version__
from knotmeter.cli.report import SHOWN_LETTERS, describe_letter
from knotmeter.cli.terminal import near, pairs, standard_error, standard_output
from knotmeter.output.folder import OutputFolder
from knotmeter.recorder.export import Exported, export


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter export .knotmeter/recording --output OUT
  knotmeter export .knotmeter/recording --output OUT --force"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("recording", metavar="RECORDING", type=Path, help="folder of a recording")
    add(
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder for the results; must not exist or be empty",
    )
    add("--force", action="store_true", help="replace the results in DIR")
    add("--quiet", action="store_true", help="print neither progress nor summary, only complaints")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    with OutputFolder(arguments.output, force=arguments.force) as output:
        output.begin()
        found = export(arguments.recording, output, quiet=arguments.quiet)
        output.finish()
    if not arguments.quiet:
        _print_summary(found, output.place)
    _complain(found, quiet=arguments.quiet)
    return 0


def _print_summary(found: Exported, place: Path) -> None:
    console = standard_output()
    n_events = sum(found.counts.values())
    console.print(f"knotmeter {__version__}: exported {n_events:,} events")
    rows = {
        "events": _listed(found.counts),
        "market records": _listed(found.manifest.n_records),
        "dead letters": _listed(found.n_letters),
        "missing": _listed(found.manifest.n_missing),
        "complete": "yes" if found.manifest.complete else "no",
        "output": near(place),
    }
    console.print(pairs(rows))


def _listed(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count) or "none"


def _complain(found: Exported, *, quiet: bool) -> None:
    """What whoever uses the results must know, even if nothing else is printed."""
    console = standard_error()
    manifest = found.manifest
    if n_letters := sum(found.n_letters.values()):
        console.print(f"knotmeter: {n_letters:,} inputs were set aside as dead letters", style="bold red")
        for engine, letter in found.letters[:SHOWN_LETTERS] if quiet else ():
            console.print(f"  {describe_letter(engine, letter)}", soft_wrap=True)
    if n_missing := sum(manifest.n_missing.values()):
        message = f"knotmeter: {n_missing:,} messages in {manifest.n_gaps:,} gaps were never recorded"
        console.print(message, style="bold red")
    if manifest.dropped_before is not None:
        console.print(f"knotmeter: days before {manifest.dropped_before} were dropped from the recording")
    for note in found.notes:
        console.print(f"knotmeter: {note}", soft_wrap=True)
    if not manifest.complete:
        waited_for = ", ".join(manifest.unfinished(manifest.engines))
        text = f"knotmeter: the recording is not complete: the end of {waited_for} is not in it"
        console.print(text, soft_wrap=True)
