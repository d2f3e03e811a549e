"""Run market data files, or a recording, through all engines in one process.

It goes as fast as it can. The result depends on the files and the settings
alone: neither on the frame size, nor on where a run was stopped and resumed.
A folder that `knotmeter up` has recorded is replayed record for record.
It prints a summary; with --output it leaves the canonical event log, a Parquet
table for each type of event, and what the run was made from.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from knotmeter import provenance
from knotmeter.cli.arguments import add_settings, whole_number
from knotmeter.cli.program import INTERRUPTED
from knotmeter.cli.progress import Meter
from knotmeter.cli.report import SHOWN_LETTERS, Outcome, describe_letter, print_report
from knotmeter.cli.terminal import standard_error, standard_output
from knotmeter.output.folder import OutputFolder
from knotmeter.output.recording import Recording
from knotmeter.output.result import Keeping, write_result
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.recorded_flow import RecordedFlow, check_order, differences, manifest_in
from knotmeter.session import Letters, Session, interruptible, load_settings, made_from, source_files
from shared import registry
from shared.clock import monotonic_ns
from shared.errors import SettingsError
from shared.fleet import DEFAULT_FRAME_SIZE
from shared.kernel_cache import directory

LARGEST_FRAME = 65_536


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter replay trades.csv.gz --instrument ES.XCME
  knotmeter replay trades.parquet quotes.parquet --output OUT
  knotmeter replay .knotmeter/recording --settings trades.toml --output OUT
  knotmeter replay trades.csv --settings trades.toml --output OUT
  knotmeter replay trades.csv --output OUT --stop-after 100000
  knotmeter replay trades.csv --output OUT --resume"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="*",
        help="data files, merged by time, or one recording; else those of --settings",
    )
    instrument = "SYMBOL.VENUE of files that name none: once for all files, or once for each in order"
    add("--instrument", metavar="ID", action="append", default=[], help=instrument)
    add_settings(parser)
    frame = (
        f"records of a frame, 1 to {LARGEST_FRAME} (default {DEFAULT_FRAME_SIZE}); no result depends on it"
    )
    frame_size = whole_number(1, LARGEST_FRAME)
    add("--frame-size", metavar="N", type=frame_size, default=DEFAULT_FRAME_SIZE, help=frame)
    add("--output", metavar="DIR", type=Path, help="folder for the results; must not exist or be empty")
    add("--force", action="store_true", help="replace the results in DIR, or a stopped run's")
    stop = "stop after N records; with --output, to be resumed"
    add("--stop-after", metavar="N", type=whole_number(1), help=stop)
    add("--resume", action="store_true", help="go on with the run that was stopped in DIR")
    add("--quiet", action="store_true", help="print neither progress nor summary, only complaints")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    _check_combinations(arguments)
    settings = load_settings(arguments.flags, arguments.settings)
    recording = _recording(arguments)
    paths = arguments.files if recording is None else [str(recording)]
    files = source_files(settings, paths, arguments.instrument)
    with ExitStack() as stack:
        archive = None if recording is None else stack.enter_context(Archive(recording.parent))
        keeping = None
        if arguments.output is not None:
            folder = stack.enter_context(OutputFolder(arguments.output, force=arguments.force))
            if not arguments.resume:
                folder.begin()
            facts = [provenance.file_facts(file.path) for file in files]
            origin = made_from(settings, files, facts)
            stop = folder.resume(origin) if arguments.resume else None
            keeping = Keeping(folder, origin, facts, stop)
        image = keeping.stop.image if keeping and keeping.stop else None
        flow = None if archive is None else _flow(archive, settings)
        session = Session(settings, files, arguments.frame_size, image, flow)
        return _replay(arguments, session, keeping)


def _recording(arguments: argparse.Namespace) -> Path | None:
    """Manifest of the recording that is to be replayed; None for files."""
    found = [manifest for path in arguments.files if (manifest := manifest_in(path)) is not None]
    if not found:
        return None
    problems = []
    if len(arguments.files) > 1:
        problems.append(f"`FILE`: expected nothing beside a recording, found {len(arguments.files)} names")
    if arguments.instrument:
        problems.append("`--instrument`: expected none with a recording, which names its instruments")
    if problems:
        raise SettingsError(problems)
    return found[0]


def _flow(archive: Archive, settings: Mapping[str, Any]) -> RecordedFlow:
    """The records of a recording, with notes of what is not as it was when they were recorded."""
    specs = list(registry.engines().values())
    check_order(archive.manifest, specs)
    flow = RecordedFlow(archive)
    flow.notes += differences(archive.manifest, made_from(settings, (), ()), specs)
    return flow


def _check_combinations(arguments: argparse.Namespace) -> None:
    problems = [
        f"`--{name}`: expected `--output DIR` with it, found none"
        for name in ("resume", "force")
        if getattr(arguments, name) and arguments.output is None
    ]
    if arguments.resume and arguments.force:
        problems.append("`--force`: expected no `--resume` beside it, which goes on with what this replaces")
    if problems:
        raise SettingsError(problems)


def _replay(arguments: argparse.Namespace, session: Session, keeping: Keeping | None) -> int:
    recording = Recording(keeping and keeping.folder, keeping.stop.counts if keeping and keeping.stop else {})
    with closing(session.feed), interruptible(session.fleet.stop) as interrupted:
        outcome = asyncio.run(_drive(arguments, session, recording, keeping))
        if not arguments.quiet:
            print_report(standard_output(), outcome, session)
        _complain(outcome, quiet=arguments.quiet)
        return INTERRUPTED if interrupted() and not outcome.ended else 0


async def _drive(
    arguments: argparse.Namespace, session: Session, recording: Recording, keeping: Keeping | None
) -> Outcome:
    fleet = session.fleet
    if not arguments.quiet and not directory().exists():
        standard_error().print("compiling kernels: once on this machine, about half a minute")
    if keeping and keeping.stop:
        await fleet.resume()
        _check_stop_after(arguments.stop_after, fleet.position)
    first, started = fleet.position, monotonic_ns()
    with Meter(standard_error(), session.feed, quiet=arguments.quiet) as meter:
        ended = await fleet.run(recording, arguments.stop_after, meter.on_chunk)
    elapsed = (monotonic_ns() - started) / 1e9
    letters = await session.letters()
    kept = None
    if keeping:
        kept = await _keep(session, recording, keeping, letters, ended=ended)
    return Outcome(
        ended=ended,
        n_records=fleet.position,
        n_here=fleet.position - first,
        elapsed=elapsed,
        counts=dict(recording.counts),
        n_dead_letters=sum(driver.runtime.n_dead_letters for driver in session.drivers),
        letters=letters,
        kept=kept,
    )


async def _keep(
    session: Session, recording: Recording, keeping: Keeping, letters: Letters, *, ended: bool
) -> Path:
    if ended:
        write_result(keeping, session, recording.counts, letters)
        keeping.folder.finish()
        return keeping.folder.place
    await session.fleet.checkpoint()
    keeping.folder.stop(keeping.made_from, recording.counts, session.transport.image())
    return keeping.folder.partial


def _check_stop_after(stop_after: int | None, position: int) -> None:
    if stop_after is not None and stop_after <= position:
        expected = f"more than {position}, where the run was stopped"
        raise SettingsError([f"`--stop-after`: expected {expected}, found {stop_after}"])


def _complain(outcome: Outcome, *, quiet: bool) -> None:
    console = standard_error()
    if outcome.n_dead_letters:
        console.print(
            f"knotmeter: {outcome.n_dead_letters:,} inputs were set aside as dead letters", style="bold red"
        )
        for engine, letter in outcome.letters[:SHOWN_LETTERS] if quiet else ():
            console.print(f"  {describe_letter(engine, letter)}", soft_wrap=True)
    if not outcome.ended and outcome.kept:
        console.print("knotmeter: stopped; the same command with --resume goes on", soft_wrap=True)
