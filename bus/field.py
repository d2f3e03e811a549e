"""What the field dictionary says of one name."""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """What a name stands for, fleet-wide."""

    type: str
    """``integer``, ``number``, ``text``, ``boolean``, ``bytes``, ``list``, ``table``, or a nested message."""
    unit: str
    """``-`` where it has none."""
    range: str
    """Sign and bounds; where it can be negative, what the sign means."""
    meaning: str


def time(meaning: str) -> Field:
    """A point in time."""
    return Field("integer", "ns, UTC since 1970", "any", meaning)


def count(of: str, meaning: str) -> Field:
    """How many, from 0."""
    return Field("integer", of, ">= 0", meaning)


def price(meaning: str) -> Field:
    """A price, as records hold it."""
    return Field("integer", "1e-9 currency", "any; 0 where absent", meaning)


def size(meaning: str) -> Field:
    """A size, as records hold it."""
    return Field("integer", "size_increment", ">= 0", meaning)


def volume(meaning: str, sign: str = ">= 0") -> Field:
    """A volume in natural units, as events say it."""
    return Field("number", "units of size", sign, meaning)


def text(meaning: str, unit: str = "-", bound: str = "not empty") -> Field:
    """A word."""
    return Field("text", unit, bound, meaning)
