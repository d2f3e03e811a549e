"""What does one record cost in a replay, from the file to the event log, and where does the time go?

Topology: a Parquet file of sample trades, the feed, marketdata, the memory transport, every other engine, the
canonical event log; one process, no output folder. Where the time goes is told by runs of their own, because
watching costs something too.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

import numpy as np

from benchmarks.answers import Answer, AnswerError, equal_within
from benchmarks.bench import Bench
from benchmarks.harness import Call, Entrant
from benchmarks.report import Finding, Row, Spread
from bus.envelope import AnyEvent
from bus.records import Records
from knotmeter.session import Session, load_settings, source_files
from shared import registry
from shared.event_log import line
from shared.fleet import DEFAULT_FRAME_SIZE

QUESTION: Final = "What does one record cost in a replay, from the file to the event log?"

SEED: Final = 1
N_LONG: Final = 100_000
N_SHORT: Final = 4_096
N_QUICK: Final = 2_048
SETTINGS: Final = ("vpin.bucket_volume=50000", "vpin.classification=tick_rule", "vpin.n_buckets=10")
"""Some 400 trades a bucket, 50 buckets a session."""


class Log:
    """Observer that keeps the canonical event log."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def event(self, event: AnyEvent) -> None:
        """Keep the next event."""
        self.events.append(event)

    def records(self, records: Records) -> None:
        """Let the record flow pass."""


def run(bench: Bench) -> None:
    """Replay files in frames of different sizes, then take one replay apart."""
    quick = bench.options.quick
    n_short, n_long = (N_QUICK, 2 * N_QUICK) if quick else (N_SHORT, N_LONG)
    bench.workload("replay", f"sample trades of seed {SEED}")
    with tempfile.TemporaryDirectory() as folder:
        short, long = sample(Path(folder), n_short), sample(Path(folder), n_long)
        _by_frame_size(bench, long, n_long, (DEFAULT_FRAME_SIZE, 64))
        _by_frame_size(bench, short, n_short, (64, 1))
        try:
            bench.found(apart(long, n_long, 1 if quick else bench.options.pairs))
        except AnswerError as error:
            bench.wrong("Where does the time go?", str(error))


def _by_frame_size(bench: Bench, path: Path, n_records: int, sizes: Sequence[int]) -> None:
    finding = bench.series(
        f"{n_records:,} records, by frame size?",
        [Entrant(replay(path, size), n_records) for size in sizes],
        unit="record",
        check=equal_within(0.0),
        answer="the canonical event log, byte for byte",
    )
    if finding is not None:
        rates = (f"{1e9 / row.ns_per_unit.median:,.0f} with {row.name}" for row in finding.rows)
        print(f"  records a second: {'; '.join(rates)}\n")


def sample(folder: Path, n_trades: int) -> Path:
    """A file of sample trades."""
    path = folder / f"{n_trades}.parquet"
    registry.part(registry.source().name, "sample").write_sample(path, SEED, n_trades)
    return path


def session(path: Path, frame_size: int) -> Session:
    """A fleet of all engines over one file."""
    settings = load_settings(SETTINGS)
    return Session(settings, source_files(settings, [str(path)], []), frame_size)


def replayed(fresh: Session) -> Log:
    """The log of a session run to its end."""
    log = Log()
    with closing(fresh.feed):
        asyncio.run(fresh.fleet.run(log))
    return log


def replay(path: Path, frame_size: int) -> Call[Session, Log]:
    """A replay; opening the file and making the engines is not counted."""
    return Call(f"frames of {frame_size}", lambda: session(path, frame_size), replayed, digest)


def digest(used: Session, log: Log) -> Answer:
    """How many events, and the digest of their lines.

    Raises:
        AnswerError: something was set aside as a dead letter.
    """
    n_letters = sum(driver.runtime.n_dead_letters for driver in used.drivers)
    if n_letters:
        message = f"expected every input handled, found {n_letters:,} dead letters"
        raise AnswerError(message)
    text = b"\n".join(line(event) for event in log.events)
    return {
        "n_events": np.array([len(log.events)]),
        "sha256": np.frombuffer(hashlib.sha256(text).digest(), np.uint8),
    }


def apart(path: Path, n_records: int, rounds: int) -> Finding:
    """Cost of each part of a replay, without the parts inside it.

    Raises:
        AnswerError: watching changed the log.
    """
    plain = session(path, DEFAULT_FRAME_SIZE)
    expected = digest(plain, replayed(plain))
    costs: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        watch = Watch()
        fresh = watched(path, watch)
        log = watch.over("transport, event log, turns", replayed)(fresh)
        equal_within(0.0)(expected, digest(fresh, log))
        for name, elapsed in {"the whole": sum(watch.own.values()), **watch.own}.items():
            costs[name].append(elapsed / n_records)
    spreads = {name: Spread.of(values) for name, values in costs.items()}
    return Finding(
        question=f"{n_records:,} records, frames of {DEFAULT_FRAME_SIZE}: where does the time go?",
        unit="record",
        rows=tuple(
            Row(name=name, ns_per_unit=cost, units=n_records, calls=1) for name, cost in spreads.items()
        ),
        ratio=None,
        largest_difference=0.0,
        answer="the canonical event log, watched or not",
    )


def watched(path: Path, watch: Watch) -> Session:
    """A session whose feed, handlers and runtimes are watched."""
    fresh = session(path, DEFAULT_FRAME_SIZE)
    feed: Any = fresh.feed
    feed.read = watch.over("reading the file", feed.read)
    for driver in fresh.drivers:
        name = driver.runtime.spec.name
        engine: Any = driver.runtime.engine
        runtime: Any = driver.runtime
        engine.on_records = watch.over(f"{name}: handler", engine.on_records)
        for step in ("receive", "feed", "step", "take"):
            setattr(runtime, step, watch.over(f"{name}: runtime", getattr(runtime, step)))
    return fresh


class Watch:
    """Stopwatch of nested calls: each gets the time of its own, without that of the calls inside it."""

    def __init__(self) -> None:
        self.own: dict[str, int] = defaultdict(int)
        self._inside = 0

    def over(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, watched."""

        def watched(*arguments: Any) -> Any:
            before, self._inside = self._inside, 0
            start = perf_counter_ns()
            result = function(*arguments)
            elapsed = perf_counter_ns() - start
            self.own[name] += elapsed - self._inside
            self._inside = before + elapsed
            return result

        return watched
