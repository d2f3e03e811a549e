"""Watch a running fleet: rates, lags, latencies and their targets.

A frame a second in a terminal, until Ctrl-C or until the fleet has stopped;
elsewhere frames are printed one below the other. Rates are those since the
frame before. Latencies are those since each process started, as /latency tells
them. The lag is that of `knotmeter status`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from knotmeter.cli.arguments import add_folder
from knotmeter.cli.fleet_snapshot import FleetSnapshot, ProcessSnapshot, latencies, look, watching
from knotmeter.cli.fleet_table import age, buses_table, count, mebibytes, narrow_table, phase
from knotmeter.cli.program import INTERRUPTED
from knotmeter.cli.terminal import NOTHING, cell, seconds, standard_output
from knotmeter.fleet.folder import FleetFile, FleetFolder
from shared.latency import LatencySnapshot, MeasureSnapshot

SHORTEST: Final = 0.1
LONGEST: Final = 3_600.0


class _Show(Protocol):
    """What becomes of a frame."""

    def __call__(self, frame: RenderableType) -> None:
        """Show it."""


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter top
  knotmeter top --interval 0.5
  knotmeter top --once"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--interval", metavar="SECONDS", type=_interval, default=1.0, help="time between frames (default 1)"
    )
    parser.add_argument("--once", action="store_true", help="print one frame and end")
    add_folder(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    folder, console = FleetFolder(arguments.folder), standard_output()
    fleet = folder.fleet()
    try:
        with _shown(console, once=arguments.once) as show:
            asyncio.run(_watch(folder, fleet, arguments.interval, show, once=arguments.once))
    except KeyboardInterrupt:
        return INTERRUPTED
    if not arguments.once:
        console.print(f"the fleet in {folder.place} has stopped", soft_wrap=True)
    return 0


async def _watch(folder: FleetFolder, fleet: FleetFile, interval: float, show: _Show, *, once: bool) -> None:
    """Show a frame now and then, until the fleet has stopped."""
    async with watching(fleet) as client:
        before = await look(fleet, client)
        while True:
            await asyncio.sleep(interval)
            found = folder.running()
            if found is None:
                return
            now, measured = await asyncio.gather(look(found, client), latencies(found, client))
            show(frame(now, before, measured))
            before = now
            if once:
                return


def frame(
    now: FleetSnapshot, before: FleetSnapshot, measured: Mapping[str, LatencySnapshot]
) -> RenderableType:
    """One frame: what stands now, and what has changed since before."""
    passed = now.monotonic_seconds - before.monotonic_seconds
    earlier = {process.name: process for process in before.processes}
    told = f"{now.mode}, up for {age(now.up_seconds)}; rates of the last {seconds(passed)}"
    rungs = next((list(latency.rungs_seconds) for latency in measured.values()), [])
    legend = ", ".join(f"{place} {name}" for place, name in enumerate(rungs))
    return Group(
        Text(told),
        Text(),
        _rates(now.processes, earlier, passed),
        Text(),
        _latencies(measured),
        Text(f"rung: {legend}, {NOTHING} none" if rungs else ""),
        Text(),
        buses_table(now.buses),
    )


def _rates(
    processes: Iterable[ProcessSnapshot], earlier: Mapping[str, ProcessSnapshot], passed: float
) -> Table:
    """A row for each process: how fast it goes, how far behind it is, what it costs."""
    columns = (
        "process",
        "phase",
        "handled",
        "per second",
        "lag",
        "dead\nletters",
        "gaps",
        "processor\n%",
        "memory\nMiB",
    )
    rows = []
    for process in processes:
        was = earlier.get(process.name, process)
        rows.append(
            (
                process.name,
                phase(process),
                count(process.n_handled),
                _rate(process.n_handled, was.n_handled, passed),
                age(process.lag_seconds),
                count(process.n_dead_letters),
                count(process.n_missing),
                _percent(process.processor_seconds, was.processor_seconds, passed),
                mebibytes(process.memory_bytes),
            )
        )
    return narrow_table(columns, rows, ("process", "phase"))


def _latencies(measured: Mapping[str, LatencySnapshot]) -> Table:
    """A row for each engine: median, 99th percentile and rung of the three measures."""
    columns = ["engine"]
    for name in ("http", "reaction", "unit cost"):
        columns += [f"{name}\np50", "\np99", "\nrung"]
    rows = [
        (name, *(text for one in latency.measures for text in _measure(one, list(latency.rungs_seconds))))
        for name, latency in measured.items()
    ]
    return narrow_table(columns, rows, ("engine",))


def _measure(measure: MeasureSnapshot, rungs: list[str]) -> tuple[str, str, str]:
    reached = NOTHING if measure.rung is None else str(rungs.index(measure.rung))
    return seconds(measure.p50_seconds), seconds(measure.p99_seconds), reached


def _rate(now: int | None, before: int | None, passed: float) -> str:
    """A rate; none where a process is not there, or began again from its checkpoint meanwhile."""
    if now is None or before is None or now < before:
        return NOTHING
    return cell(round((now - before) / passed))


def _percent(now: float | None, before: float | None, passed: float) -> str:
    if now is None or before is None or now < before:
        return NOTHING
    return f"{100 * (now - before) / passed:.0f}"


@contextlib.contextmanager
def _shown(console: Console, *, once: bool) -> Iterator[_Show]:
    """Whoever shows frames: a screen that is drawn anew, or lines one below the other."""
    if console.is_terminal and not once:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda frame: live.update(frame, refresh=True)
    else:
        yield lambda frame: console.print(frame)


def _interval(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SHORTEST <= value <= LONGEST:
        message = f"expected {SHORTEST:g} to {LONGEST:g} seconds, found {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value
