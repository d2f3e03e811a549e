"""Output for people: consoles, and tables that fit the width there is."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.clock import utc_text

NOTHING: Final = "–"
"""What stands for a figure that is not there."""

MAX_ROWS: Final = 20
"""Rows of an engine's table that are printed."""

NARROWEST: Final = 40
"""Columns below which nothing is wrapped any narrower."""

_GAP: Final = 3
"""Columns between two columns of a table."""

_TIME: Final = re.compile("(^|_)(ts|as_of)_")
_LARGEST_WHOLE: Final = 1e15
_HUNDRED: Final = 99.95
_ROUNDED_UP: Final = 0.9995
"""From here on three figures round to one of the next unit."""


def standard_output() -> Console:
    """Console for results."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def standard_error() -> Console:
    """Console for progress and complaints."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def heading(console: Console, text: str) -> None:
    """A section's title."""
    console.print()
    console.print(Text(text, style="bold"))


def paragraph(console: Console, text: str, indent: int = 2, hanging: int = 0) -> None:
    """Text wrapped to the width there is, its further lines ``hanging``; a longer word stays whole."""
    first, further = " " * indent, " " * (indent + hanging)
    width = max(console.width, NARROWEST)
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=further, break_long_words=False
    )
    console.print("\n".join(lines), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = ()) -> Table:
    """A plain table; columns named in ``right`` hold numbers."""
    numbers = set(right)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def pairs(values: Mapping[str, str]) -> Table:
    """Names with their values, one a line."""
    made = Table.grid(padding=(0, 2))
    made.add_column(overflow="fold")
    made.add_column(overflow="fold")
    for name, value in values.items():
        made.add_row(Text(f"  {name}"), Text(value))
    return made


def print_records(console: Console, records: Sequence[Mapping[str, Any]]) -> None:
    """Records with the same keys: a table if it fits, else names with values for each record."""
    shown = [
        {str(key): cell(value, str(key)) for key, value in record.items()} for record in records[:MAX_ROWS]
    ]
    columns = list(dict.fromkeys(key for record in shown for key in record))
    rows = [[record.get(column, NOTHING) for column in columns] for record in shown]
    if _width(columns, rows) <= console.width:
        numbers = [column for column in columns if _is_number(records, column)]
        console.print(table(columns, rows, numbers))
    else:
        for record in shown:
            console.print(pairs(record))
            console.print()
    if len(records) > MAX_ROWS:
        paragraph(console, f"… and {len(records) - MAX_ROWS:,} more")


def cell(value: Any, name: str = "") -> str:
    """A value as people read it.

    >>> cell(1234567), cell(0.2003210414), cell(None), cell(True), cell(1_381_239_000_000_000_000, "ts_event")
    ('1,234,567', '0.200321041', '–', 'yes', '2013-10-08 13:30:00Z')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return moment(value) if _TIME.search(name) else f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < _LARGEST_WHOLE else f"{value:.9g}"
    if isinstance(value, str):
        return str(value)
    return msgspec.json.encode(value).decode()


def moment(nanoseconds: int) -> str:
    """A time in UTC without the zeros at its end.

    >>> moment(1_381_239_000_250_000_000)
    '2013-10-08 13:30:00.25Z'
    """
    text = utc_text(nanoseconds).removesuffix("Z").rstrip("0").removesuffix(".")
    date, _, time = text.partition("T")
    return f"{date} {time:0<8}Z"


def seconds(value: float | None) -> str:
    """A duration with three figures and the unit that fits.

    >>> [seconds(value) for value in (None, 4.8e-08, 0.00192, 12.345)]
    ['–', '48 ns', '1.92 ms', '12.3 s']
    """
    if value is None:
        return NOTHING
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, size = next((pair for pair in units if value >= pair[1] * _ROUNDED_UP), units[-1])
    number = value / size
    return f"{number:,.0f} {unit}" if number >= _HUNDRED else f"{number:.3g} {unit}"


def size(n_bytes: float) -> str:
    """A number of bytes.

    >>> size(512), size(1_572_864)
    ('512 B', '1.5 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.4g} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.4g} TiB"


def near(path: Path) -> str:
    """A path as seen from here, if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) and path != here else path)


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1)


def _is_number(records: Sequence[Mapping[str, Any]], column: str) -> bool:
    values = [record.get(column) for record in records]
    return all(value is None or isinstance(value, int | float) for value in values)
