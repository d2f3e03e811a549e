"""What a source reads: one ordered, numbered flow of input records."""

from __future__ import annotations

from typing import Protocol

from bus.records import Records


class Feed(Protocol):
    """Input records of a source, merged by time; their ``sequence`` is 1, 2, 3, … over the whole feed."""

    @property
    def n_records(self) -> int | None:
        """Records in all, None if that is not known."""

    @property
    def rereadable(self) -> bool:
        """Whether `seek` can go back."""

    @property
    def progress(self) -> float:
        """Fraction of the input that was read, 0 to 1."""

    @property
    def notes(self) -> list[str]:
        """Sentences a user should be told about how the input was understood."""

    def read(self, limit: int) -> Records:
        """The next records, at most ``limit``; an empty slice at the end. Cutting has no meaning."""

    def seek(self, sequence: int) -> None:
        """Continue after the record with this ordinal; 0 is the beginning."""

    def close(self) -> None:
        """Release files."""
