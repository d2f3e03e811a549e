"""Tables about a running fleet, at 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from knotmeter.cli.bus_reader import BusSnapshot
from knotmeter.cli.fleet_snapshot import DOWN, FleetSnapshot, ProcessSnapshot
from knotmeter.cli.terminal import NOTHING, heading, pairs, paragraph, seconds, size

_MEBI: Final = 1024 * 1024
_LARGEST_WHOLE: Final = 99_999_999

_STYLES: Final = {True: "", False: "bold red"}
"""How a phase is printed, by whether the process is ready."""


def narrow_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], left: Iterable[str], gap: int = 1
) -> Table:
    """A table whose columns stand one or two apart; all but those in ``left`` hold numbers."""
    words = set(left)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
    for column in columns:
        made.add_column(column, justify="left" if column in words else "right", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made


def processes_table(processes: Iterable[ProcessSnapshot]) -> Table:
    """A row for each process."""
    columns = (
        "process",
        "phase",
        "port",
        "pid",
        "handled",
        "lag",
        "dead\nletters",
        "gaps",
        "check-\npoint",
        "memory\nMiB",
    )
    rows = (
        (
            process.name,
            phase(process),
            str(process.port),
            NOTHING if process.pid is None else str(process.pid),
            count(process.n_handled),
            age(process.lag_seconds),
            count(process.n_dead_letters),
            count(process.n_missing),
            age(process.checkpoint_age_seconds),
            mebibytes(process.memory_bytes),
        )
        for process in processes
    )
    return narrow_table(columns, rows, ("process", "phase"))


def buses_table(buses: Iterable[BusSnapshot]) -> Table:
    """A row for each bus."""
    rows = (
        (
            bus.bus,
            "up" if bus.is_up else DOWN,
            count(bus.n_entries),
            bus.last_id or NOTHING,
            _memory(bus),
            bus.held_back_by or "nobody",
        )
        for bus in buses
    )
    columns = ("bus", "server", "entries", "last entry", "memory", "held back by")
    return narrow_table(columns, rows, ("bus", "server", "held back by"), gap=2)


def print_complaints(console: Console, snapshot: FleetSnapshot) -> None:
    """Why something is not as it should be, a sentence for each process and bus."""
    lines = [
        f"{process.name} is {process.phase.replace('_', ' ')}"
        + (f": {process.reason}" if process.reason else "")
        for process in snapshot.processes
        if not process.ready
    ]
    lines += [f"the server of {bus.bus} is {DOWN}: {bus.reason}" for bus in snapshot.buses if not bus.is_up]
    if lines:
        heading(console, "Not ready")
    for line in lines:
        paragraph(console, line, hanging=2)


def print_recording(console: Console, snapshot: FleetSnapshot) -> None:
    """What is recorded, and whether that is everything."""
    recording = snapshot.recording
    if recording is None:
        return
    heading(console, "Recording")
    told = f"{recording.n_records:,} records, {recording.n_events:,} events"
    console.print(
        pairs(
            {
                "holds": told,
                "size": f"{size(recording.n_bytes)} in {recording.n_segments} files",
                "session": "complete" if recording.complete else "going on",
                "place": recording.place,
            }
        )
    )


def phase(process: ProcessSnapshot) -> Text:
    """The phase of a process, marked if it is not ready."""
    return Text(process.phase.replace("_", " "), _STYLES[process.ready])


def count(number: int | None) -> str:
    """A count in at most ten characters.

    >>> count(None), count(41_933), count(1_234_567_890)
    ('–', '41,933', '1,235 M')
    """
    if number is None:
        return NOTHING
    return f"{number:,}" if number <= _LARGEST_WHOLE else f"{number / 1e6:,.0f} M"


def mebibytes(n_bytes: float | None) -> str:
    """Memory in MiB.

    >>> mebibytes(267_853_824.0)
    '255'
    """
    return NOTHING if n_bytes is None else f"{n_bytes / _MEBI:,.0f}"


def age(value: float | None) -> str:
    """A time that has passed, in at most six characters.

    >>> [age(value) for value in (None, 0.0, 0.0123, 59.6, 3_600.0, 93_600.0, 86_400_000.0)]
    ['–', '0 s', '12.3 ms', '59.6 s', '60 min', '26 h', '1000 d']
    """
    if value is None:
        return NOTHING
    if value < 0:
        return f"-{age(-value)}"
    if value < 1e-3:
        return "0 s"
    if value < 60:
        return seconds(value)
    for unit, length, limit in (("s", 1, 100), ("min", 60, 100), ("h", 3_600, 100)):
        if value / length < limit:
            return f"{value / length:.0f} {unit}"
    return f"{value / 86_400:.0f} d"


def _memory(bus: BusSnapshot) -> str:
    if bus.memory_bytes is None:
        return NOTHING
    used = size(bus.memory_bytes)
    return used if bus.max_memory_bytes is None else f"{used} of {size(bus.max_memory_bytes)}"
