"""What does one trade cost in the engine: by the length of slices, and by the number of instruments?

Topology: slices of trades, one engine in this process, its payloads; no bus, no runtime. Each call takes one
slice, so short slices show what a call costs. Of many instruments each trade finds its memory cold, so their
number shows what memory costs; all their sessions have begun before the clock starts.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import flow
from benchmarks.answers import Answer, AnswerError, equal_within
from benchmarks.bench import Bench
from benchmarks.harness import Call, Entrant
from benchmarks.report import Goal
from bus.records import Records
from services.vpin.config import Config
from shared import registry
from shared.engine import Emit, Engine
from shared.instruments import Instrument

QUESTION: Final = "What does one trade cost in the engine, by slice length and number of instruments?"

SEED: Final = 20130901
SLICES: Final = (4096, 256, 64, 16, 1)
N_SLICED: Final = 131_072
N_SPREAD: Final = 500_000
N_QUICK: Final = 8_192
INSTRUMENTS: Final = (1, 100, 10_000)
N_BUCKETS: Final = 50
BUCKETS_IN_ALL: Final = 52
"""So few that a bucket takes some 2500 trades, as on the E-mini at 200 buckets."""


def run(bench: Bench) -> None:
    """Measure both series."""
    _by_slice(bench)
    _by_instruments(bench)


def _by_slice(bench: Bench) -> None:
    n = N_QUICK if bench.options.quick else N_SLICED
    trades = (
        flow.made(n, SEED) if bench.options.data is None else flow.first(flow.read(bench.options.data), n)
    )
    volume = int(trades.size.sum()) // BUCKETS_IN_ALL
    bench.workload("vpin_stream", f"{trades.source}, buckets of {volume}, n = {N_BUCKETS}")
    bench.series(
        "By slice length, one instrument?",
        [_sliced(flow.records(trades), length, volume) for length in SLICES],
        unit="trade",
        check=equal_within(0.0),
        answer="every figure of every bucket, to the bit",
    )


def _sliced(records: Records, length: int, volume: int) -> Entrant:
    slices, first = cut(records, length), int(records.trade["ts_event"][0])
    call = Call(
        f"slices of {length}",
        lambda: engine(1, volume, first),
        lambda fresh: handled(fresh, slices),
        lambda _, emitted: figures(emitted),
    )
    return Entrant(call, len(records))


def _by_instruments(bench: Bench) -> None:
    n = N_QUICK if bench.options.quick else N_SPREAD
    trades = flow.made(n, SEED)
    volume = int(trades.size.sum()) // BUCKETS_IN_ALL
    points = [_spread(trades, count, volume) for count in INSTRUMENTS]
    bench.series(
        "By number of instruments, slices of 4096?",
        points,
        unit="trade",
        check=equal_within(0.0),
        answer="no trade's volume lost between buckets and what is open",
        goal=Goal(kind="at_most", ratio=2.5),
    )


def _spread(trades: flow.Trades, count: int, volume: int) -> Entrant:
    """The same trades, each for an instrument drawn at random: the worst case for caches."""
    rows = np.random.default_rng(SEED).integers(0, count, len(trades.price))
    slices = cut(flow.records(trades, rows), SLICES[0])
    traded = 1 + np.bincount(rows, trades.size, count).astype(np.int64)
    call = Call(
        f"{count} instruments" if count > 1 else "1 instrument",
        lambda: engine(count, volume, int(trades.ts_event[0])),
        lambda fresh: handled(fresh, slices),
        lambda used, _: accounted(used, traded, volume),
    )
    return Entrant(call, len(trades.price))


def engine(n_instruments: int, bucket_volume: int, ts_event: int) -> Engine[Any]:
    """A new engine that has seen one trade of size 1 of every instrument, which began their sessions."""
    fresh: Engine[Any] = registry.create(
        "vpin", Config(classification="reported", bucket_volume=float(bucket_volume), n_buckets=N_BUCKETS)
    )
    for row in range(n_instruments):
        fresh.instruments.add(row, Instrument(instrument_id=f"I{row}.SIM"))
    times, prices, sizes = (np.full(n_instruments, value) for value in (ts_event, flow.FIRST_PRICE, 1))
    one_each = flow.Trades(times, prices, sizes, np.ones(n_instruments, np.int8), "one of each")
    handled(fresh, [flow.records(one_each, np.arange(n_instruments))])
    return fresh


def cut(records: Records, length: int) -> list[Records]:
    """Consecutive slices of at most so many trades."""
    trades = records.trade
    return [Records({"trade": trades[first : first + length]}) for first in range(0, len(trades), length)]


def handled(fresh: Engine[Any], slices: list[Records]) -> list[Emit]:
    """What the engine says to all slices in turn."""
    emitted: list[Emit] = []
    for records in slices:
        emitted += cast("list[Emit]", fresh.on_records(records))
    return emitted


def figures(emitted: list[Emit]) -> Answer:
    """Every number of every payload, NaN where there is none, and the trade that caused it."""
    columns: dict[str, list[Any]] = {"sequence": [sequence for _, sequence in emitted]}
    for payload, _ in emitted:
        for name, value in msgspec.structs.asdict(payload).items():
            if not isinstance(value, str | dict):
                columns.setdefault(name, []).append(np.nan if value is None else value)
    return {name: np.array(values, np.float64) for name, values in columns.items()}


def accounted(used: Engine[Any], traded: NDArray[np.int64], bucket_volume: int) -> Answer:
    """Volume in completed and open buckets, less the first trade of each: it must be what was traded."""
    lanes = used.state.lanes[: len(traded)]
    found = lanes["n_completed"] * bucket_volume + lanes["filled"]
    if not np.array_equal(found, traded):
        at = int(np.flatnonzero(found != traded)[0])
        message = f"`volume[{at}]`: expected {traded[at]} size units in buckets, found {found[at]}"
        raise AnswerError(message)
    return {"volume": np.array([found.sum() - len(traded)])}
