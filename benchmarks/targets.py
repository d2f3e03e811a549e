"""Findings of one row: held against an absolute target, or against nothing."""

from __future__ import annotations

from benchmarks.report import Finding, Goal, Ratio, Row, Spread


def held(question: str, unit: str, row: Row, target_ns: float, answer: str) -> Finding:
    """How one row compares with its target; absolute figures hold for the machine they were taken on.

    Args:
        question: what is asked, one line.
        unit: what a unit of the row is, in the singular.
        row: what was measured.
        target_ns: time for a unit, ns.
        answer: what was checked of the answers.
    """
    target = f"{target_ns / 1e3:g} us" if target_ns >= 1e3 else f"{target_ns:g} ns"
    goal = Goal(kind="at_most", ratio=1.0)
    spread = Spread.of([value / target_ns for value in row.ns_per_unit.values])
    return Finding(
        question=question,
        unit=unit,
        rows=(row,),
        ratio=Ratio(
            of=f"{row.name} / {target}", spread=spread, goal=goal, is_met=goal.is_met_by(spread.median)
        ),
        largest_difference=0.0,
        answer=answer,
    )


def plain(question: str, unit: str, row: Row, answer: str) -> Finding:
    """One row that nothing is held against."""
    return Finding(
        question=question, unit=unit, rows=(row,), ratio=None, largest_difference=0.0, answer=answer
    )
