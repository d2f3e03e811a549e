"""What an ITCH file does not say inside: its day; and how it is told from other binary files."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final

from services.marketdata.adapter.faults import fault
from services.marketdata.adapter.settings import FileSettings
from services.marketdata.kernel.itch import LENGTHS, PREFIX_BYTES

_DIGITS: Final = re.compile(r"(?<!\d)(?:(\d{8})|(\d{4})[-_](\d{2})[-_](\d{2}))(?!\d)")
_SHORT: Final = re.compile(r"(?<![A-Za-z0-9])S(\d{2})(\d{2})(\d{2})(?=-v50)", re.IGNORECASE)
_ENOUGH_WITH_LENGTHS: Final = 1
_ENOUGH_WITHOUT: Final = 2
"""Whole messages at the beginning that tell ITCH from other data."""

_EARLIEST: Final = 1990
_LATEST: Final = 2100


def day_of(settings: FileSettings) -> date:
    """The day of a file, as set or as its name has it.

    Understood are 20191230, 2019-12-30, 12302019 and S123019-v50, the forms that Nasdaq uses among them.

    Raises:
        DataError: what is set is no day, or the name has none or several.
    """
    if settings.date is not None:
        try:
            return date.fromisoformat(settings.date)
        except ValueError as error:
            advice = "Mend `marketdata.date`."
            raise fault(settings.path, "a day as 2019-12-30", repr(settings.date), advice) from error
    name = Path(settings.path).name
    found = _days_in(name)
    if len(found) != 1:
        shown = " and ".join(map(str, sorted(found))) or f"none in `{name}`"
        advice = "Set `marketdata.date`, e.g. `2019-12-30`: times in ITCH are counted from midnight."
        raise fault(settings.path, "a day in the file's name", shown, advice)
    return found.pop()


def _days_in(name: str) -> set[date]:
    found = set()
    for match in _DIGITS.finditer(name):
        digits = match[1] or f"{match[2]}{match[3]}{match[4]}"
        for text in (digits, digits[4:] + digits[:4]):
            day = _day(int(text[:4]), int(text[4:6]), int(text[6:]))
            if day is not None:
                found.add(day)
    for match in _SHORT.finditer(name):
        day = _day(2000 + int(match[3]), int(match[1]), int(match[2]))
        if day is not None:
            found.add(day)
    return found


def _day(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if _EARLIEST <= found.year < _LATEST else None


def is_itch(start: bytes) -> bool:
    """Whether a file that begins like this is ITCH 5.0: messages as long as their types say.

    >>> is_itch(bytes([0, 12]) + b"S" + bytes(11) + bytes([0, 39]) + b"R")
    True
    >>> is_itch(bytes(64))
    False
    """
    at, n_whole = 0, 0
    has_lengths = start[:PREFIX_BYTES] != bytes(PREFIX_BYTES)
    while at + PREFIX_BYTES < len(start):
        told, kind = int.from_bytes(start[at : at + PREFIX_BYTES]), chr(start[at + PREFIX_BYTES])
        if kind not in LENGTHS or told != (LENGTHS[kind] if has_lengths else 0):
            break
        at += PREFIX_BYTES + LENGTHS[kind]
        n_whole += at <= len(start)
    return n_whole >= (_ENOUGH_WITH_LENGTHS if has_lengths else _ENOUGH_WITHOUT) or at == len(start) > 0
