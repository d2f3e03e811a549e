"""What a benchmark found, as data: printed for people within 80 columns, or written as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

FORMAT = 1
"""Version of the JSON layout."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What the median ratio is held against."""

    kind: Literal["at_least", "at_most"]
    ratio: float

    def is_met_by(self, ratio: float) -> bool:
        """Whether a ratio reaches the goal."""
        return ratio >= self.ratio if self.kind == "at_least" else ratio <= self.ratio

    def __str__(self) -> str:
        return f"goal {'>=' if self.kind == 'at_least' else '<='} {self.ratio:g}x"


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Median, lowest and highest of what was measured, and each value in order."""

    median: float
    lowest: float
    highest: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Spread of at least one value.

        >>> Spread.of([3.0, 1.0, 2.0]).median
        2.0
        """
        return cls(
            median=statistics.median(values), lowest=min(values), highest=max(values), values=tuple(values)
        )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of one contender or one point of a series."""

    name: str
    ns_per_unit: Spread
    units: int
    """Units of work in one call."""
    calls: int
    """Calls in one sample."""


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How two costs of the same pair compare, over all pairs."""

    of: str
    """What is divided by what."""
    spread: Spread
    goal: Goal | None
    is_met: bool | None
    """Whether the median ratio reaches the goal; None without one."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One question answered: rows measured in turn, and the ratio asked for."""

    question: str
    unit: str
    rows: tuple[Row, ...]
    ratio: Ratio | None
    largest_difference: float
    """Largest difference between the answers, at or below the tolerance of the check."""
    answer: str
    """What was checked of the answers."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A contender that could not take part."""

    name: str
    reason: str


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """A question without a rate: the answers differ."""

    question: str
    problem: str


class Report(msgspec.Struct, kw_only=True):
    """Everything one run found."""

    format: int = FORMAT
    machine: dict[str, str]
    versions: dict[str, str]
    workloads: dict[str, str] = {}
    findings: list[Finding] = []
    missing: list[Missing] = []
    wrong: list[Wrong] = []

    def write(self, path: Path) -> None:
        """Write the report as indented JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def lines(finding: Finding) -> Iterator[str]:
    """A finding as the lines of its table, each at most 80 columns wide."""
    yield finding.question
    yield f"  {'ns per ' + finding.unit:<42}{'median':>11}{'lowest':>11}{'highest':>11}"
    for row in finding.rows:
        yield f"  {_cut(row.name):<42}{_figures(row.ns_per_unit)}"
    if finding.ratio is not None:
        spread = finding.ratio.spread
        yield f"  {_cut(finding.ratio.of):<42}{_figures(spread, 'x')}"
        if finding.ratio.goal is not None:
            yield f"  {finding.ratio.goal}: {'met' if finding.ratio.is_met else 'MISSED'}"
    yield _cut(f"  answers agree: {finding.answer}", 80)
    yield f"  largest difference: {finding.largest_difference:.1e}"
    samples = len(finding.rows[0].ns_per_unit.values)
    calls = " / ".join(dict.fromkeys(str(row.calls) for row in finding.rows))
    sizes = " / ".join(dict.fromkeys(str(row.units) for row in finding.rows))
    yield _cut(f"  {samples} rounds in turn; a sample is {calls} calls of {sizes} {finding.unit}s", 80)


def _figures(spread: Spread, suffix: str = "") -> str:
    figures = (spread.median, spread.lowest, spread.highest)
    return "".join(f"{_number(figure) + suffix:>11}" for figure in figures)


def _number(value: float) -> str:
    """Three significant digits or more, never an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def _cut(text: str, width: int = 41) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
