"""What every file of a feed can do, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Final

import msgspec

from bus.records import Records
from services.marketdata.adapter.roster import Roster
from services.marketdata.adapter.settings import FileSettings, Format

BLOCK_ROWS: Final = 65_536
"""Rows that are decoded at a time; with the width of a row, what bounds the memory of a file."""


class ColumnUse(msgspec.Struct, frozen=True):
    """A column of a file, and which of our fields it is."""

    name: str
    type: str
    field: str | None


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was found to be."""

    format: Format
    kind: str
    columns: tuple[ColumnUse, ...]
    time_zone: str
    """Zone its times are read in."""
    is_naive: bool
    """Whether the file itself names no zone."""
    settings: FileSettings
    """Settings that say all this explicitly."""


class Source(ABC):
    """One file, opened as far as is needed to know what it is; it can be read any number of times."""

    def __init__(self, settings: FileSettings, roster: Roster) -> None:
        self.settings = settings
        self.path = settings.path
        self.roster = roster
        self.notes: list[str] = []
        self.n_records: int | None = None
        """Records it will give, None if that cannot be told before reading."""
        self.has_all_instruments = False
        """Whether the roster holds every instrument of the file already."""
        self.progress = 0.0
        """Fraction of it that the current reading has consumed."""

    @property
    @abstractmethod
    def description(self) -> Description:
        """What the file was found to be."""

    @property
    def quotes_only(self) -> bool:
        """Whether it holds quotes and nothing else, so that it goes first on equal times."""
        return self.description.kind == "quote"

    def surveyed_increments(self) -> Mapping[str, int]:
        """Size increment, 1e-9, that the sizes of each instrument need; none where they are whole numbers."""
        return {}

    @abstractmethod
    def blocks(self) -> Generator[Records, None, None]:
        """Read from the beginning: records in the file's order, a block at a time, no block empty.

        In each block ``sequence`` counts from 0 and ``instrument`` is the code in the roster.

        Raises:
            DataError: the file is not what it was taken for, or holds what cannot be.
        """
