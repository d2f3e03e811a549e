"""How many market records pass in a second, and how old is the oldest of a frame?

Topology: one writer, the MarketData server on a Unix socket, one reader or twelve; each is a process with
one event loop, as an engine is. Trades of 48 bytes go through `bus.frames` and `RedisTransport` on both
sides; a reader decodes and checks each frame, and sums all its bits. Encoding, sending, decoding and checking
are counted; making and stamping the trades beforehand, and emptying the stream between samples, are not.

Paced, a record is due at its time, and the next frame takes what is due (4096 records at most) once an
earlier one was acknowledged: frames find their own size, and no timer holds a record back. The age of a
frame's oldest record is taken as it comes into view. Thirteen processes and a server on two cores measure
those cores: read the rates of twelve readers as rates of the machine.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.answers import AnswerError, equal_within
from benchmarks.bench import Bench
from benchmarks.convoy import Carried, Convoy, Load, Sample
from benchmarks.harness import Entrant
from benchmarks.report import Finding, Goal, Row, Spread
from benchmarks.targets import held, plain
from bus.errors import BusError
from bus.records import TRADE
from bus.server import ADMIN, EmbeddedServers
from bus.topics import Bus

QUESTION: Final = "How many market records pass in a second, to one reader and to twelve?"

ANSWER: Final = "count and sum of all bits, at every reader"
MOST: Final = 3_000_000
MOST_QUICK: Final = 10_000
MANY: Final = 12
MANY_QUICK: Final = 2
BATCH: Final = 1_000
LARGEST: Final = 4_096


def run(bench: Bench) -> None:
    """Flat out by frame size, then at a steady pace; one reader, then twelve."""
    most = MOST_QUICK if bench.options.quick else MOST
    many = MANY_QUICK if bench.options.quick else MANY
    bench.workload("throughput", f"trades of {TRADE.itemsize} bytes, at most {most:,} a sample")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="knotmeter-"))
        try:
            servers = stack.enter_context(EmbeddedServers(Path(folder), ()))
        except BusError as error:
            bench.missing("Redis server", str(error))
            return
        address = servers.addresses(ADMIN)[Bus.MARKET_DATA]
        options = {"path": address.path, "user": address.user, "secret": address.secret}
        for n_readers, question in ((1, _one_reader), (many, _many_readers)):
            with closing(Convoy(options, n_readers, most)) as convoy:
                question(bench, convoy, most)


def _one_reader(bench: Bench, convoy: Convoy, most: int) -> None:
    found = _flat_out(
        bench,
        "One reader, flat out: what does a record cost, by records in a frame?",
        convoy,
        (
            Load(min(most, 1_000_000), BATCH, 4),
            Load(min(most, 2_000_000), LARGEST, 4),
            Load(min(most, 100_000), 100, 4),
            Load(min(most, 1_000), 1, 1),
        ),
        Goal(kind="at_least", ratio=250.0),
    )
    if found is not None:
        row = min(found.rows, key=lambda row: row.ns_per_unit.median)
        bench.found(held("One reader, flat out: a record's target?", "record", row, 60.0, ANSWER))
    loads = {
        "1 M records a second": Load(most // 10, LARGEST, 1, 1e6),
        "10 M records a second": Load(most, LARGEST, 2, 1e7),
    }
    slow, fast = loads
    samples = _paced(bench, "One reader", convoy, loads)
    if samples is not None:
        _tell(bench, f"One reader, {slow}", samples[slow], {"p50": 100_000.0})
        _tell(bench, f"One reader, {fast}", samples[fast], {"p99": 2_000_000.0, "record": 120.0})


def _many_readers(bench: Bench, convoy: Convoy, most: int) -> None:
    name = f"{convoy.n_readers} readers"
    loads = (Load(min(most, 500_000), BATCH, 4), Load(min(most, 500_000), LARGEST, 4))
    found = _flat_out(
        bench, f"{name}, flat out: what does a record cost until all have it?", convoy, loads, None
    )
    if found is not None:
        row = min(found.rows, key=lambda row: row.ns_per_unit.median)
        bench.found(
            held(f"{name}, flat out: the target of 2.5 M a second each?", "record", row, 400.0, ANSWER)
        )
    pace = "1 M records a second"
    samples = _paced(bench, name, convoy, {pace: Load(most // 10, LARGEST, 1, 1e6)})
    if samples is not None:
        _tell(bench, f"{name}, {pace}", samples[pace], {})


def _flat_out(
    bench: Bench, question: str, convoy: Convoy, loads: tuple[Load, ...], goal: Goal | None
) -> Finding | None:
    points = [
        Entrant(Carried(f"frames of {load.batch}, {load.in_flight} in flight", convoy, load), load.n)
        for load in loads
    ]
    found = bench.series(question, points, unit="record", check=equal_within(0.0), answer=ANSWER, goal=goal)
    if found is not None:
        rates = (f"{1e3 / row.ns_per_unit.median:.3g} M with {row.name}" for row in found.rows)
        print("  records a second: " + ";\n    ".join(rates) + "\n")
    return found


def _paced(
    bench: Bench, title: str, convoy: Convoy, loads: dict[str, Load]
) -> dict[str, list[Sample]] | None:
    """Samples of each load, in turn; None if an answer was wrong."""
    samples: dict[str, list[Sample]] = {name: [] for name in loads}
    order = list(loads)
    try:
        for _ in range(1 if bench.options.quick else bench.options.pairs):
            for name in order:
                samples[name].append(convoy.carry(loads[name]))
            order.reverse()
    except AnswerError as error:
        bench.wrong(f"{title}, paced", str(error))
        return None
    return samples


def _tell(bench: Bench, title: str, samples: list[Sample], targets: dict[str, float]) -> None:
    """Age of a frame's oldest record, and the time of a record of the whole, each against its target."""
    ages = np.array([np.percentile(sample.ages, (50, 99)) for sample in samples])
    costs = {
        "p50": ("frame", ages[:, 0]),
        "p99": ("frame", ages[:, 1]),
        "record": ("record", np.array([sample.elapsed_ns / sample.n for sample in samples])),
    }
    for name, (unit, values) in costs.items():
        what = "time for a record of the whole" if name == "record" else f"{name} of the oldest record's age"
        n_frames = len(samples[0].ages)
        row = Row(name=what, ns_per_unit=Spread.of(values.tolist()), units=1, calls=n_frames)
        question = f"{title}: {what}?"
        if name in targets:
            bench.found(held(question, unit, row, targets[name], ANSWER))
        else:
            bench.found(plain(question, unit, row, ANSWER))
