"""Say what a data file is, and write the settings to use it.

It reads the file to its end and shows the format, which column is which field,
times and their zone, silences, instruments with their increments, problems,
and the settings that say all this explicitly. The exit status is 1 if there is
a problem.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from knotmeter.cli.arguments import add_settings, refuse_existing
from knotmeter.cli.terminal import (
    MAX_ROWS,
    NOTHING,
    cell,
    heading,
    moment,
    pairs,
    paragraph,
    seconds,
    standard_output,
    table,
)
from knotmeter.session import load_settings, source_files
from shared import registry
from shared.instruments import SCALE


def examples() -> str:
    """Examples for the help text."""
    name = registry.source().name
    return f"""examples:
  knotmeter inspect trades.csv.gz
  knotmeter inspect trades.csv --set {name}.time_zone=America/Chicago
  knotmeter inspect trades.csv --settings-out trades.toml
  knotmeter replay --settings trades.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", help="data file")
    parser.add_argument("--instrument", metavar="ID", help="SYMBOL.VENUE of a file that names none")
    add_settings(parser)
    parser.add_argument(
        "--force", action="store_true", help="replace the file of --settings-out if it is there"
    )
    parser.add_argument(
        "--settings-out",
        metavar="FILE.toml",
        type=Path,
        help="write the settings there, for `replay --settings`",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    if arguments.settings_out is not None:
        refuse_existing(arguments.settings_out, "--settings-out", force=arguments.force)
    source = registry.source().name
    settings = load_settings(arguments.flags, arguments.settings)
    instruments = [] if arguments.instrument is None else [arguments.instrument]
    (file,) = source_files(settings, [arguments.file], instruments)
    found = registry.part(source, "adapter").inspect(arguments.file, file.over(settings[source]))
    console = standard_output()
    _print_file(console, found)
    _print_instruments(console, found.instruments)
    for title, sentences in (("Notes", found.notes), ("Problems", found.problems)):
        if sentences:
            heading(console, title)
        for sentence in sentences:
            paragraph(console, sentence, hanging=2)
    heading(console, "Settings to read it like this")
    console.print(found.settings_toml().strip(), soft_wrap=True)
    if arguments.settings_out is not None and not found.problems:
        arguments.settings_out.write_text(found.settings_toml(), "utf-8")
    return 1 if found.problems else 0


def _print_file(console: Console, found: Any) -> None:
    kind = "" if found.kind is None else f" of kind {found.kind}"
    console.print(f"{found.path}: {found.format}, {found.n_records:,} records{kind}", soft_wrap=True)
    if found.columns:
        heading(console, "Columns")
        rows = [(use.name, use.type, use.field or NOTHING) for use in found.columns]
        console.print(table(("column", "type", "field"), rows))
    if found.first_time is None:
        return
    heading(console, "Time")
    zone = found.time_zone + (", taken because the file names none" if found.is_naive else "")
    times = {"first": moment(found.first_time), "last": moment(found.last_time), "zone": zone}
    console.print(pairs(times))
    if found.gaps:
        heading(console, "Longest silences")
        gaps = [(moment(gap.start), moment(gap.end), seconds(gap.seconds)) for gap in found.gaps]
        console.print(table(("from", "to", "length"), gaps, ("length",)))


def _print_instruments(console: Console, instruments: Any) -> None:
    if not instruments:
        return
    heading(console, "Instruments")
    rows = [
        (
            one.instrument_id,
            f"{one.n_records:,}",
            cell(one.price_increment / SCALE),
            cell(one.size_increment / SCALE),
        )
        for one in instruments[:MAX_ROWS]
    ]
    columns = ("instrument", "records", "price increment", "size increment")
    console.print(table(columns, rows, columns[1:]))
    if len(instruments) > MAX_ROWS:
        paragraph(console, f"… and {len(instruments) - MAX_ROWS:,} more")
