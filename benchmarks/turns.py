"""Samples of several contenders in turn, and how two of them compare, round by round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from benchmarks.answers import AnswerError
from benchmarks.bench import Bench
from benchmarks.report import Finding, Goal, Ratio, Row, Spread

Sample = TypeVar("Sample")


class Told(NamedTuple):
    """What is said of samples beside their figures."""

    unit: str
    """What a unit of a row is, in the singular."""
    answer: str
    """What was checked of every sample."""


def in_turn(
    bench: Bench, question: str, takers: Mapping[str, Callable[[], Sample]], *, warms_up: bool = True
) -> dict[str, list[Sample]]:
    """Take samples first to last, then last to first, and so on; who gives a wrong answer has none.

    Args:
        bench: the run, which says how many rounds there are.
        question: what is asked, for a wrong answer.
        takers: who takes a sample, by name.
        warms_up: whether the first sample of each only warms up, and is dropped.
    """
    found: dict[str, list[Sample]] = {name: [] for name in takers}
    order = list(takers)
    n_dropped = int(warms_up and not bench.options.quick)
    for number in range(1 if bench.options.quick else n_dropped + bench.options.pairs):
        for name in list(order):
            try:
                sample = takers[name]()
            except AnswerError as error:
                bench.wrong(f"{question} {name}", str(error))
                order.remove(name)
                del found[name]
            else:
                if number >= n_dropped:
                    found[name].append(sample)
        order.reverse()
    return found


def row(name: str, values: Sequence[float], units: int) -> Row:
    """Cost of one contender: a value for each round, ns, and the units that each was taken over."""
    return Row(name=name, ns_per_unit=Spread.of(values), units=1, calls=units)


def pair(question: str, told: Told, ours: Row, other: Row, goal: Goal | None = None) -> Finding:
    """How two rows of the same rounds compare: ours over the other's, or, for `at_least`, times faster."""
    upper, lower = (other, ours) if goal is not None and goal.kind == "at_least" else (ours, other)
    values = zip(upper.ns_per_unit.values, lower.ns_per_unit.values, strict=True)
    spread = Spread.of([above / below for above, below in values])
    is_met = None if goal is None else goal.is_met_by(spread.median)
    return Finding(
        question=question,
        unit=told.unit,
        rows=(ours, other),
        ratio=Ratio(of=f"{upper.name} / {lower.name}", spread=spread, goal=goal, is_met=is_met),
        largest_difference=0.0,
        answer=told.answer,
    )


def table(question: str, told: Told, rows: Sequence[Row]) -> Finding:
    """Rows side by side, that nothing is held against."""
    return Finding(
        question=question,
        unit=told.unit,
        rows=tuple(rows),
        ratio=None,
        largest_difference=0.0,
        answer=told.answer,
    )
