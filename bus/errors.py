"""What can go wrong on a bus. Every message names what was expected, what came, and where."""

from __future__ import annotations

from shared.errors import KnotmeterError


class BusError(KnotmeterError):
    """Anything a bus refuses."""


class DecodeError(BusError):
    """An entry that is not what its topic promises."""

    def __init__(self, expected: str, got: str, where: str) -> None:
        super().__init__(f"Expected {expected}, got {got} - at {where}")
        self.expected = expected
        self.got = got
        self.where = where


class DuplicateEntryError(BusError):
    """An entry whose id is not above the stream's last; the server refuses it."""


class CheckpointError(BusError):
    """A checkpoint that this engine cannot be restored from."""


class StreamFullError(BusError):
    """A publication that would overrun the stream's bound before its slowest reader."""
