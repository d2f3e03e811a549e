"""What the names of a Lean tick zip and of the CSV inside it say: day, symbol, market, trades or quotes."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.settings import Kind
from services.marketdata.adapter.streams import AGAIN

COLUMNS: Final[dict[tuple[str, int], tuple[str, ...]]] = {
    ("trade", 6): ("time", "price", "size", "exchange", "condition", "suspicious"),
    ("quote", 8): (
        *("time", "bid_price", "bid_size", "ask_price", "ask_size"),
        *("exchange", "condition", "suspicious"),
    ),
    ("quote", 3): ("time", "bid_price", "ask_price"),
}
"""Columns by what the rows are and how many there are; three are forex, the others US equities."""

ZIP_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError),
    *(NotImplementedError, RuntimeError),  # what a damaged header asks for: other methods, a password
)
"""What reading a zip that is damaged may raise."""

_INSIDE: Final = re.compile(
    r"(?P<day>\d{8})_(?P<symbol>[^_]+)_(?:tick_)?(?P<kind>trade|quote)(?:_tick)?\.csv", re.IGNORECASE
)
_OUTSIDE: Final = re.compile(
    r"(?:[^_]+_)?(?P<symbol>[^_]+)_(?P<day>\d{8})_(?P<kind>trade|quote)\.zip", re.IGNORECASE
)
_FOREX_ZONES: Final = {"FXCM": "Etc/GMT+5", "OANDA": "UTC", "FOREX": "UTC"}


class TickFile(NamedTuple):
    """One day's ticks of one symbol."""

    member: str
    """Name of the CSV in the zip."""
    symbol: str
    midnight: int
    """Start of the day as if its zone were UTC, ns."""
    kind: Kind
    columns: tuple[str, ...]
    venue: str
    time_zone: str
    """Zone of the times in the file."""

    @property
    def is_equity(self) -> bool:
        """Whether prices are in 1e-4 and sizes are told."""
        return len(self.columns) > len(COLUMNS["quote", 3])


def tick_file(path: str) -> TickFile:
    """Read the names, and how many columns there are.

    Raises:
        DataError: this is no zip with one CSV of ticks.
    """
    member, line = _first_line(path)
    named = _INSIDE.fullmatch(Path(member).name) or _OUTSIDE.fullmatch(Path(path).name)
    if named is None:
        expected = "a CSV named for day, symbol, tick and kind, as `20131008_ibm_Trade_Tick.csv`"
        raise fault(path, expected, f"`{member}`", "Only trades and quotes of resolution tick are read.")
    kind = cast("Kind", named["kind"].lower())
    n_columns = line.count(",") + 1
    columns = COLUMNS.get((kind, n_columns))
    if columns is None:
        known = " or ".join(str(count) for name, count in COLUMNS if name == kind)
        raise fault(path, f"{known} columns of {kind}s", str(n_columns), "Is this the right file?", row=1)
    day = named["day"]
    midnight = int(np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns").astype(np.int64))
    venue = "USA" if n_columns > len(COLUMNS["quote", 3]) else _forex_venue(path)
    zone = _FOREX_ZONES.get(venue, "America/New_York")
    return TickFile(member, named["symbol"].upper(), midnight, kind, columns, venue, zone)


def _forex_venue(path: str) -> str:
    """The market in the file's name or folders; FOREX if none is known."""
    words = re.split(r"[_/\\]", path.upper())
    return next((word for word in reversed(words) if word in _FOREX_ZONES), "FOREX")


def _first_line(path: str) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(members) != 1:
                found = f"{len(members)} of {len(archive.namelist())} files"
                raise fault(path, "a zip with one CSV", found, "Is this the right file?")
            with archive.open(members[0]) as member:
                return members[0], member.readline().decode("utf-8", "replace").strip()
    except ZIP_ERRORS as error:
        raise fault(path, "a whole zip", str(error), AGAIN) from error
