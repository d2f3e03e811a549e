"""Lines about what passes on a bus: one for each record, event or garbage entry, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from bus.topics import CLOCK, ENGINE_STATUS, STANDING, WATERMARK, Bus
from knotmeter.cli.bus_follower import Entry
from knotmeter.cli.terminal import NOTHING
from shared.clock import utc_text

UNASKED: Final = frozenset(topic.name for topic in (CLOCK, WATERMARK, STANDING, ENGINE_STATUS))
"""Types that say little more than that time has passed; shown if they are asked for."""

_LARGEST_WHOLE: Final = 1e15
_TYPE_WIDTH: Final = 10
_TO_MICROSECONDS: Final = 26
"""Characters of a time up to its microseconds."""


class Line(NamedTuple):
    """One record, event or garbage entry."""

    text: str
    """For people."""
    content: dict[str, Any]
    """The same for programs; times in ns, prices and sizes in natural units."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown.

    >>> Wanted().takes("clock"), Wanted(types=frozenset({"clock"})).takes("clock")
    (False, True)
    """

    types: frozenset[str] = frozenset()
    """Types; if empty, all but the `UNASKED`."""
    instrument: str | None = None
    """Instrument that it must be about."""

    def takes(self, message_type: str) -> bool:
        """Whether messages of a type are shown."""
        return message_type in self.types if self.types else message_type not in UNASKED


class Lines(Protocol):
    """Makes lines of the entries of one bus."""

    def of(self, entry: Entry) -> Iterator[Line]:
        """Lines of one entry, as many as are wanted."""


def line_text(ts_event: int, message_type: str, rest: str) -> str:
    """A line for people.

    >>> line_text(1_381_239_000_250_000_000, "trade", "ES.XCME 1680.25 × 3 buyer")
    '2013-10-08 13:30:00.250000 trade      ES.XCME 1680.25 × 3 buyer'
    """
    time = utc_text(ts_event)[:_TO_MICROSECONDS].replace("T", " ")
    return f"{time} {message_type:{_TYPE_WIDTH}} {rest}"


def garbage(bus: Bus, entry: Entry, error: Exception) -> Line:
    """The line of an entry that is not what its bus promises."""
    text = f"garbage in entry {entry.id} of {bus}: {error}"
    return Line(text.replace("\n", " "), {"bus": bus.value, "entry": entry.id, "error": str(error)})


def missed(bus: Bus, entry: Entry, producer: str, first: int, last: int) -> Line:
    """The line about messages that were dropped from a bus before they were read here."""
    n_missed = last - first + 1
    text = f"missed {n_missed:,} messages of {producer}, {first} to {last}: dropped before they were read"
    content = {"bus": bus.value, "entry": entry.id, "producer": producer, "missed": [first, last]}
    return Line(text, content)


def plain(value: Any, digits: int = 6) -> str:
    """A value in a line.

    >>> plain(0.2406841234), plain(None), plain(4780.25), plain({"level": "warming_up"})
    ('0.240684', '–', '4780.25', '{"level":"warming_up"}')
    """
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < _LARGEST_WHOLE else f"{value:.{digits}g}"
    return str(value) if isinstance(value, str | int) else msgspec.json.encode(value).decode()
