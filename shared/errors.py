"""The project's own errors. Each message says what was expected, what came, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class KnotmeterError(Exception):
    """Anything Knotmeter refuses with a message meant for a person."""


class SettingsError(KnotmeterError):
    """One or more settings are wrong; every one of them is named."""

    def __init__(self, problems: Sequence[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        count = len(problems)
        super().__init__(f"{count} setting{'s are' if count > 1 else ' is'} wrong:\n{lines}")
        self.problems = tuple(problems)


class DataError(KnotmeterError):
    """A data file that cannot be read as what it is said to be."""


class ConstraintError(KnotmeterError):
    """A value outside its declared constraint."""

    def __init__(self, name: str, expected: str, got: str, index: int | None = None) -> None:
        where = f"`{name}`" if index is None else f"`{name}[{index}]`"
        super().__init__(f"{where}: expected {expected}, got {got}")
        self.name = name
        self.expected = expected
        self.got = got
        self.index = index


class OutputError(KnotmeterError):
    """The output could not be written whole; nothing of it was kept."""
