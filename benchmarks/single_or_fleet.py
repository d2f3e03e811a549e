"""What do processes cost? A file through all engines: a replay, a fleet in one process, one of processes.

Topology: whole runs of the command line on the same sample trades. `knotmeter replay` is one process and one
loop that lets each engine have its turn; `knotmeter up --single` is one process too, with the services, the
recorder and the HTTP faces of a fleet on a bus in memory; `knotmeter up` has a process for each engine and
for the recorder, and two servers. The logs of all runs are the same, byte for byte, or there is no figure.

A run's start is counted from its command until the last engine has handled what came first, kernels loaded;
its speed from there until that engine has handled everything. Both are read off what stands on the buses.
Then records come at the pace of a busy market, and the age of each result is taken: from the publication of
the frame with the record that caused it, to its own. What comes soon after the start is not counted: engines
load kernels for their HTTP faces then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from benchmarks import turns
from benchmarks.answers import AnswerError
from benchmarks.bench import Bench
from benchmarks.harness import MissingError
from benchmarks.replay import SEED, SETTINGS, sample
from benchmarks.report import Row
from benchmarks.turns import Told
from benchmarks.voyage import Charter, Voyage, Way, sail

QUESTION: Final = "What do processes cost: a replay, a fleet in one process, a fleet of processes?"

N_TRADES: Final = 400_000
N_PACED: Final = 10_000
N_QUICK: Final = 400
SECONDS: Final = 10.0
"""Time that a paced run takes."""
SECONDS_QUICK: Final = 0.4
SETTLING: Final = 0.5
"""Fraction of that time whose results are not counted."""
SMALL_BUCKETS: Final = ("vpin.bucket_volume=500", *SETTINGS[1:])
"""Some four trades a bucket, so that there are results to time."""

ANSWER: Final = "the canonical event log of every run, byte for byte"


class Passage(NamedTuple):
    """What one run took, ns."""

    start: float
    record: float
    ages: tuple[float, float]
    """Median and 99th percentile of the age of its results."""
    n_records: int
    n_results: int


def run(bench: Bench) -> None:
    """Run a file as fast as it goes, then one at a pace; a self-check asks both of one short run."""
    with tempfile.TemporaryDirectory() as folder:
        if bench.options.quick:
            found = _sailed(bench, _paced(Path(folder), N_QUICK, SECONDS_QUICK), tuple(Way))
            _tell_speed(bench, found)
            _tell_ages(bench, found)
            return
        file = sample(Path(folder), N_TRADES)
        _tell_speed(bench, _sailed(bench, Charter(file, SETTINGS), tuple(Way)))
        paced = _paced(Path(folder), N_PACED, SECONDS)
        _tell_ages(bench, _sailed(bench, paced, (Way.SINGLE, Way.FLEET)))


def _paced(folder: Path, n_trades: int, seconds: float) -> Charter:
    """Trades at a speed at which they take so long."""
    file = sample(folder, n_trades)
    times = pq.read_table(file, columns=["ts_event"])["ts_event"].to_numpy()
    speed = (times[-1] - times[0]) / (seconds * 1e9)
    return Charter(file, SMALL_BUCKETS, f"{speed:.1f}x")


def _sailed(bench: Bench, charter: Charter, ways: Sequence[Way]) -> dict[str, list[Passage]]:
    """Runs in turn; every log is held against that of a replay."""
    bench.workload("single_or_fleet", f"{charter.file.name} of seed {SEED}, speed {charter.speed}")
    title = f"Are all logs the same at speed {charter.speed}?"
    try:
        if bench.options.quick:
            return _at_once(charter, ways)
        expected = sail(Way.REPLAY, charter).log
        takers = {way.value: partial(_checked, way, charter, expected) for way in ways}
        return turns.in_turn(bench, title, takers, warms_up=False)
    except AnswerError as error:
        bench.wrong(title, str(error))
    except MissingError as error:
        bench.missing("a fleet", str(error))
    return {}


def _checked(way: Way, charter: Charter, expected: bytes) -> Passage:
    voyage = sail(way, charter)
    same_log(expected, voyage.log)
    return passage(voyage)


def _at_once(charter: Charter, ways: Sequence[Way]) -> dict[str, list[Passage]]:
    """One run of each way, all at the same time: the logs are compared, the figures mean nothing."""
    with ThreadPoolExecutor(len(ways)) as pool:
        voyages = list(pool.map(partial(sail, charter=charter), ways))
    for voyage in voyages:
        same_log(voyages[0].log, voyage.log)
    return {way.value: [passage(voyage)] for way, voyage in zip(ways, voyages, strict=True)}


def same_log(expected: bytes, log: bytes) -> None:
    """Hold a canonical event log against another.

    Raises:
        AnswerError: they differ, or there is nothing in them.
    """
    if log != expected or not log:
        lines = (expected.count(b"\n"), log.count(b"\n"))
        message = f"expected a log of {lines[0]} events as a replay leaves it, found {lines[1]} that differ"
        raise AnswerError(message)


def passage(voyage: Voyage) -> Passage:
    """Figures of one run.

    Raises:
        AnswerError: an engine has not finished.
    """
    span = voyage.logbook.span()
    elapsed = span.ended_ns - span.began_ns
    ages = voyage.logbook.ages(span.began_ns + round(SETTLING * elapsed))
    p50, p99 = np.percentile(ages if len(ages) else voyage.logbook.ages(0), (50, 99)).tolist()
    return Passage(
        start=span.began_ns - voyage.began_ns,
        record=elapsed / span.n_records,
        ages=(p50, p99),
        n_records=span.n_records,
        n_results=len(ages),
    )


def _tell_speed(bench: Bench, found: Mapping[str, Sequence[Passage]]) -> None:
    told = Told("record", ANSWER)
    rows = {
        way: turns.row(way, [one.record for one in runs], runs[0].n_records) for way, runs in found.items()
    }
    for ours, other in ((Way.SINGLE, Way.REPLAY), (Way.FLEET, Way.REPLAY), (Way.FLEET, Way.SINGLE)):
        if ours in rows and other in rows:
            bench.found(turns.pair(f"A record: {ours} against {other}?", told, rows[ours], rows[other]))
    starts = {way: turns.row(way, [one.start for one in runs], 1) for way, runs in found.items()}
    question = "From the command until what came first was handled?"
    # Nanoseconds of a start are too long for the columns of a table, so that it is told in seconds.
    bench.report.findings.append(turns.table(question, Told("start", ANSWER), list(starts.values())))
    _list("records a second", {way: f"{1e9 / row.ns_per_unit.median:,.0f}" for way, row in rows.items()})
    _list(
        "seconds from the command until what came first was handled, kernels loaded",
        {way: f"{row.ns_per_unit.median / 1e9:.2f}" for way, row in starts.items()},
    )


def _list(what: str, figures: Mapping[str, str]) -> None:
    print(f"  {what}:")
    for way, figure in figures.items():
        print(f"    {way:<12}{figure:>12}")
    print()


def _tell_ages(bench: Bench, found: Mapping[str, Sequence[Passage]]) -> None:
    if not {Way.SINGLE, Way.FLEET} <= found.keys():
        return
    for place, name in enumerate(("p50", "p99")):
        fleet, single = (_aged(way, found[way], place) for way in (Way.FLEET, Way.SINGLE))
        question = f"At a pace, the age of a result, {name}: {Way.FLEET} against {Way.SINGLE}?"
        bench.found(turns.pair(question, Told("result", ANSWER), fleet, single))


def _aged(way: Way, runs: Sequence[Passage], place: int) -> Row:
    return turns.row(way, [one.ages[place] for one in runs], runs[0].n_results)
