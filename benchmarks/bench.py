"""One run of the benchmarks: what was asked for, and everything found so far."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from benchmarks import harness, machine
from benchmarks.answers import AnswerError, Check
from benchmarks.harness import Contender, Entrant, MissingError
from benchmarks.report import Finding, Goal, Missing, Report, Wrong, lines


class Options(NamedTuple):
    """What a run was asked for."""

    pairs: int = harness.MIN_PAIRS
    """Samples of each contender."""
    quick: bool = False
    """Small input and one sample: the answers are checked, the figures mean nothing, nothing is installed."""
    data: Path | None = None
    """Folder of real data to work on in place of made data."""


class Bench:
    """What a benchmark module is handed: measures, prints and keeps the report.

    Contenders are let go of when the block ends.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.report = Report(machine=machine.machine(), versions=machine.versions())
        self._contenders: list[Contender] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for contender in self._contenders:
            contender.close()

    def workload(self, name: str, told: str) -> None:
        """Say what the work is done on."""
        self.report.workloads[name] = told
        print(f"{name}: on {told}\n")

    def compare(
        self,
        question: str,
        ours: Contender,
        other: Contender,
        *,
        units: int,
        unit: str,
        check: Check,
        answer: str,
        goal: Goal | None = None,
    ) -> None:
        """Hold our contender against another, as `benchmarks.harness.compare` does."""
        self._contenders += (ours, other)
        pairs, quick = self.options.pairs, self.options.quick
        try:
            finding = harness.compare(
                question,
                ours,
                other,
                units=units,
                unit=unit,
                check=check,
                answer=answer,
                pairs=pairs,
                goal=goal,
                quick=quick,
            )
        except MissingError as error:
            self.missing(other.name, str(error))
        except AnswerError as error:
            self.wrong(question, str(error))
        else:
            self.found(finding)

    def series(
        self,
        question: str,
        points: list[Entrant],
        *,
        unit: str,
        check: Check,
        answer: str,
        goal: Goal | None = None,
    ) -> Finding | None:
        """Measure a cost along points, as `benchmarks.harness.series` does; None if an answer was wrong."""
        self._contenders += (point.contender for point in points)
        pairs, quick = self.options.pairs, self.options.quick
        try:
            finding = harness.series(
                question, points, unit=unit, check=check, answer=answer, rounds=pairs, goal=goal, quick=quick
            )
        except AnswerError as error:
            self.wrong(question, str(error))
            return None
        self.found(finding)
        return finding

    def missing(self, name: str, reason: str) -> None:
        """Name a contender that does not take part, and why."""
        self.report.missing.append(Missing(name=name, reason=reason))
        print(f"MISSING {name}: {reason}\n")

    def wrong(self, question: str, problem: str) -> None:
        """Say that a question has no rate, and why."""
        self.report.wrong.append(Wrong(question=question, problem=problem))
        print(f"{question}\n  WRONG ANSWER, so no rate: {problem}\n")

    def found(self, finding: Finding) -> None:
        """Keep and print a finding."""
        self.report.findings.append(finding)
        print("\n".join(lines(finding)), end="\n\n")
