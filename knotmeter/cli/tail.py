"""Follow a bus of a running fleet: a line for each record or event.

The bus is read directly, as the fleet's user that may read and nothing else;
nobody waits for this command. It goes on through a restart of the server and
ends with the fleet, or on Ctrl-C. What says little more than that time has
passed (clock, watermark, standing, engine_status) is shown if it is asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec
from rich.cells import set_cell_size
from rich.console import Console

from bus.topics import TOPICS, Bus
from knotmeter.cli.arguments import add_folder, nearest, whole_number
from knotmeter.cli.bus_follower import Follower
from knotmeter.cli.event_line import EventLines
from knotmeter.cli.market_line import MarketLines
from knotmeter.cli.program import INTERRUPTED
from knotmeter.cli.tail_line import Line, Lines, Wanted
from knotmeter.cli.terminal import standard_error, standard_output
from knotmeter.client import Client, ClientError
from knotmeter.fleet.folder import FleetError, FleetFile, FleetFolder
from shared import registry
from shared.instruments import SCALE, Instrument

ANSWER_SECONDS: Final = 3.0
PAGE: Final = 1_000
"""Instruments that are asked for at a time."""


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter tail logic
  knotmeter tail md --type trade --instrument SAMPLE.SIM --count 20
  knotmeter tail logic --type toxicity --json --from-start | head -n 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("bus", metavar="BUS", choices=[bus.value for bus in Bus], help="md or logic")
    add(
        "--type",
        metavar="TYPE",
        action="append",
        default=[],
        help="records of this kind or events of this type alone; may be repeated",
    )
    add("--instrument", metavar="ID", help="what is about this instrument alone")
    add("--count", metavar="N", type=whole_number(1), help="end after so many lines")
    add("--json", action="store_true", help="a JSON object for each line, times in ns")
    add("--from-start", action="store_true", help="begin with the oldest entry that is kept")
    add_folder(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    folder, bus = FleetFolder(arguments.folder), Bus(arguments.bus)
    fleet = folder.fleet()
    wanted = Wanted(types=_types(bus, arguments.type), instrument=arguments.instrument)
    console, complaints = standard_output(), standard_error()

    def complain(text: str) -> None:
        complaints.print(f"knotmeter tail: {text}", soft_wrap=True)

    follower = Follower(
        bus,
        fleet.buses[bus.value],
        is_over=lambda: not folder.is_locked(),
        complain=complain,
        from_start=arguments.from_start,
    )
    try:
        known = _instruments(fleet)
        if wanted.instrument is not None and wanted.instrument not in {
            one.instrument_id for one in known.values()
        }:
            complain(f"`--instrument`: {wanted.instrument} is not defined yet; waits for it")
        lines = MarketLines(wanted, known) if bus is Bus.MARKET_DATA else EventLines(wanted)
        for line in islice(_lines(follower, lines), arguments.count):
            _print(console, line, as_json=arguments.json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough; what Python still holds would break the pipe again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        follower.close()
    return 0


def _lines(follower: Follower, lines: Lines) -> Iterator[Line]:
    """Lines of all entries; what was printed of an entry is out before the next one is waited for."""
    for entry in follower.entries():
        yield from lines.of(entry)
        sys.stdout.flush()


def _print(console: Console, line: Line, *, as_json: bool) -> None:
    """One line, of which a terminal gets as much as fits."""
    if as_json:
        text = msgspec.json.encode(line.content).decode()
    elif console.is_terminal and len(line.text) > console.width:
        text = f"{set_cell_size(line.text, console.width - 1)}…"
    else:
        text = line.text
    sys.stdout.write(f"{text}\n")


def _types(bus: Bus, given: list[str]) -> frozenset[str]:
    """The types that were named.

    Raises:
        FleetError: one is none of this bus.
    """
    known = [topic.name for topic in TOPICS.values() if topic.bus is bus]
    for name in given:
        if name not in known:
            message = f"`--type`: expected one of {', '.join(known)}, found {name!r}{nearest(name, known)}"
            raise FleetError(message)
    return frozenset(given)


def _instruments(fleet: FleetFile) -> dict[int, Instrument]:
    """Definitions that were published before, by row, as the source tells them; none where it is down."""
    source = registry.source().name
    urls = {member.name: member.url for member in fleet.members}
    found: dict[int, Instrument] = {}
    if source not in urls:
        return found
    with Client(urls, timeout=ANSWER_SECONDS, patience=0.0) as client:
        try:
            while True:
                page = client.engine(source).get("instruments", offset=len(found), limit=PAGE)
                found |= {one.row: _definition(one) for one in page.instruments}
                if not page.instruments or len(found) >= page.n_instruments:
                    return found
        except ClientError:
            return found


def _definition(told: object) -> Instrument:
    """A definition in the units of records."""
    plain = msgspec.to_builtins(told)
    scaled = ("price_increment", "size_increment", "multiplier")
    return msgspec.convert(plain | {name: round(plain[name] * SCALE) for name in scaled}, Instrument)
