"""The measuring itself: the answer is checked first, then the contenders run in turn.

Topology: one process measures; contenders run in it, or in a worker of their own that measures itself and is
asked over a pipe. Contenders alternate A B B A, so what slows the machine down slows both; the median of the
pairs' ratios is reported. Figures hold for one machine alone; ratios of one run compare.
"""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Final, Generic, NamedTuple, TypeVar

from benchmarks.answers import Answer, Check
from benchmarks.report import Finding, Goal, Ratio, Row, Spread

MIN_PAIRS: Final = 7
"""Fewer pairs than these give no rate."""

SAMPLE_NS: Final = 30_000_000
"""A sample repeats its call until it has taken about this long, ns."""

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")


class MissingError(Exception):
    """A contender cannot take part here, with the reason."""


class Contender(ABC):
    """One way to do the work.

    ``answer`` is asked for before any ``run``; ``prepare`` comes before both and is never timed.
    """

    name: str

    @abstractmethod
    def prepare(self) -> None:
        """Get everything ready that is not part of the work.

        Raises:
            MissingError: it cannot take part on this machine.
        """

    @abstractmethod
    def answer(self) -> Answer:
        """Do the work once and return what it gives."""

    @abstractmethod
    def run(self, calls: int) -> int:
        """Do the work so many times; returns the ns that it took."""

    def close(self) -> None:  # noqa: B027  (most contenders hold nothing)
        """Let go of what `prepare` took."""


class Call(Contender, Generic[Prepared, Result]):
    """Work done by a call in this process; ``setup`` makes its argument anew for each call, untimed."""

    def __init__(
        self,
        name: str,
        setup: Callable[[], Prepared],
        work: Callable[[Prepared], Result],
        answer: Callable[[Prepared, Result], Answer],
    ) -> None:
        self.name = name
        self._setup = setup
        self._work = work
        self._answer = answer

    def prepare(self) -> None:
        """Nothing: the arguments are made before each call."""

    def answer(self) -> Answer:
        """Call once and read the answer off the argument and the result."""
        argument = self._setup()
        return self._answer(argument, self._work(argument))

    def run(self, calls: int) -> int:
        """Time so many calls, without their setup."""
        elapsed = 0
        for _ in range(calls):
            argument = self._setup()
            start = perf_counter_ns()
            self._work(argument)
            elapsed += perf_counter_ns() - start
        return elapsed


class Entrant(NamedTuple):
    """A contender with the units of work in one call."""

    contender: Contender
    units: int


def compare(
    question: str,
    ours: Contender,
    other: Contender,
    *,
    units: int,
    unit: str,
    check: Check,
    answer: str,
    pairs: int = MIN_PAIRS,
    goal: Goal | None = None,
    quick: bool = False,
) -> Finding:
    """Measure two contenders against each other.

    With no goal, or one that says ``at_least``, the ratio is the other's cost over ours (times faster); with
    one that says ``at_most`` it is ours over the other's.

    Args:
        question: what is asked, one line.
        ours: contender whose goal it is.
        other: contender to beat.
        units: units of work in one call, the same for both.
        unit: what a unit is, in the singular.
        check: holds our answer against the other's.
        answer: what the check found equal, for the reader.
        pairs: samples of each, at least seven.
        goal: what the median ratio has to reach.
        quick: check the answers and take one short pair; its figures mean nothing.

    Raises:
        AnswerError: the answers differ.
        MissingError: one of the two cannot take part.
    """
    entrants = [Entrant(ours, units), Entrant(other, units)]
    for contender in (ours, other):
        contender.prepare()
    difference = check(ours.answer(), other.answer())
    rows = _measure(entrants, _rounds(pairs, quick=quick), quick=quick)
    upper, lower = (0, 1) if goal is not None and goal.kind == "at_most" else (1, 0)
    return Finding(
        question=question,
        unit=unit,
        rows=rows,
        ratio=_ratio(rows[upper], rows[lower], goal),
        largest_difference=difference,
        answer=answer,
    )


def series(
    question: str,
    points: Sequence[Entrant],
    *,
    unit: str,
    check: Check,
    answer: str,
    rounds: int = MIN_PAIRS,
    goal: Goal | None = None,
    quick: bool = False,
) -> Finding:
    """Measure how the cost of a unit moves along points, the first being the base.

    Every point's answer is held against the first one's. With a goal, the ratio is that of the point with the
    highest median over the first; without, no ratio is given.

    Raises:
        AnswerError: two answers differ.
        MissingError: a point cannot take part.
    """
    for point in points:
        point.contender.prepare()
    base = points[0].contender.answer()
    difference = max([check(base, point.contender.answer()) for point in points[1:]], default=0.0)
    rows = _measure(points, _rounds(rounds, quick=quick), quick=quick)
    worst = max(rows[1:], key=lambda row: row.ns_per_unit.median, default=rows[0])
    return Finding(
        question=question,
        unit=unit,
        rows=rows,
        ratio=None if goal is None else _ratio(worst, rows[0], goal),
        largest_difference=difference,
        answer=answer,
    )


def _rounds(pairs: int, *, quick: bool) -> int:
    if quick:
        return 1
    if pairs < MIN_PAIRS:
        message = f"`pairs`: expected at least {MIN_PAIRS}, got {pairs}; take --self-check for a short run"
        raise ValueError(message)
    return pairs


def _measure(entrants: Sequence[Entrant], rounds: int, *, quick: bool) -> tuple[Row, ...]:
    """Samples of all, in turn: first to last, then last to first, and so on."""
    calls = [1 if quick else _calls(entrant.contender) for entrant in entrants]
    samples: list[list[float]] = [[] for _ in entrants]
    order = list(range(len(entrants)))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for index in order:
                contender, units = entrants[index]
                samples[index].append(contender.run(calls[index]) / (calls[index] * units))
            order.reverse()
    finally:
        gc.enable()
    return tuple(
        Row(name=entrant.contender.name, ns_per_unit=Spread.of(values), units=entrant.units, calls=count)
        for entrant, values, count in zip(entrants, samples, calls, strict=True)
    )


def _calls(contender: Contender) -> int:
    """How many calls make a sample long enough; its run is the warm-up too."""
    return max(1, round(SAMPLE_NS / max(1, contender.run(1))))


def _ratio(upper: Row, lower: Row, goal: Goal | None) -> Ratio:
    pairs = zip(upper.ns_per_unit.values, lower.ns_per_unit.values, strict=True)
    spread = Spread.of([above / below for above, below in pairs])
    return Ratio(
        of=f"{upper.name} / {lower.name}",
        spread=spread,
        goal=goal,
        is_met=None if goal is None else goal.is_met_by(spread.median),
    )
