"""The summary of a run, readable at 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from bus.messages.control import DeadLetter
from knotmeter import __version__
from knotmeter.cli.terminal import (
    NOTHING,
    cell,
    heading,
    near,
    pairs,
    paragraph,
    print_records,
    seconds,
    size,
    table,
)
from knotmeter.session import Letters, Session
from shared.driver import Driver
from shared.engine import Engine
from shared.latency import LatencySnapshot

SHOWN_LETTERS: Final = 3
"""Dead letters that are shown; all of them are in the output folder."""


class Outcome(NamedTuple):
    """What there is to tell of a run."""

    ended: bool
    """Whether the feed's end was reached."""
    n_records: int
    """Feed records handled, those before a resumed stop included."""
    n_here: int
    """Feed records handled by this process..."""
    elapsed: float
    """...and how long that took, seconds."""
    counts: Mapping[str, int]
    """Events by type."""
    n_dead_letters: int
    letters: Letters
    """The dead letters that are kept, the newest ones of each engine."""
    kept: Path | None
    """Where the results are."""


def print_report(console: Console, outcome: Outcome, session: Session) -> None:
    """Everything about a run: input, results, what went wrong, speed, and each engine's own summary."""
    drivers = session.drivers
    verb = "replayed" if outcome.ended else "stopped after"
    rate = f"{outcome.n_here / outcome.elapsed:,.0f} records/s" if outcome.elapsed > 0 else NOTHING
    took = f"in {seconds(outcome.elapsed)}, {rate}"
    console.print(f"knotmeter {__version__}: {verb} {outcome.n_records:,} records {took}")
    heading(console, "Input")
    for file in session.files:
        paragraph(console, f"{file.path}  {_size_of(file.path)}", hanging=2)
    for note in session.feed.notes:
        paragraph(console, note, hanging=2)
    heading(console, "Result")
    console.print(pairs(_results(outcome, drivers)))
    _print_letters(console, outcome)
    heading(console, "Latency")
    rows = [row for driver in drivers for row in _latency(driver)]
    console.print(
        table(("engine", "measure", "p50", "p99", "batch", "rung reached"), rows, ("p50", "p99", "batch"))
    )
    for driver in drivers:
        _print_engine(console, driver.runtime.spec.name, driver.runtime.engine)


def _size_of(path: str) -> str:
    return size(Path(path).stat().st_size) if Path(path).is_file() else NOTHING


def _results(outcome: Outcome, drivers: Sequence[Driver]) -> dict[str, str]:
    events = "  ".join(f"{name} {count:,}" for name, count in sorted(outcome.counts.items()))
    return {
        "records": f"{outcome.n_records:,}",
        "events": events or "none",
        "dead letters": _by_engine({d.runtime.spec.name: d.runtime.n_dead_letters for d in drivers}),
        "gaps": _by_engine({d.runtime.spec.name: d.runtime.n_missing for d in drivers}),
        **({"output": near(outcome.kept)} if outcome.kept else {}),
    }


def _by_engine(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"


def _print_letters(console: Console, outcome: Outcome) -> None:
    for engine, letter in outcome.letters[:SHOWN_LETTERS]:
        paragraph(console, describe_letter(engine, letter), hanging=2)
    if outcome.n_dead_letters > SHOWN_LETTERS:
        paragraph(console, f"… and {outcome.n_dead_letters - SHOWN_LETTERS:,} more")


def describe_letter(engine: str, letter: DeadLetter) -> str:
    """One line about an input that was set aside."""
    return f"{engine}: {letter.message_type} {letter.producer_sequence} of {letter.producer}: {letter.error}"


def _latency(driver: Driver) -> list[tuple[str, ...]]:
    snapshot: LatencySnapshot = driver.runtime.recorder.snapshot()
    return [
        (
            driver.runtime.spec.name,
            seen.measure.value,
            seconds(seen.p50_seconds),
            seconds(seen.p99_seconds),
            cell(seen.mean_batch_size and round(seen.mean_batch_size)),
            seen.rung or "none",
        )
        for seen in snapshot.measures
        if seen.n_observations
    ]


def _print_engine(console: Console, name: str, engine: Engine[Any]) -> None:
    rows = engine.summary()
    if rows:
        heading(console, name)
        print_records(console, rows)
