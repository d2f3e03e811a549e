"""What does one trade cost, bucketed? Whole histories at once, with the side given and classified in bulk.

Topology: one slice of trades, batch kernel, completed buckets. The kernel keeps far more for each trade than
its peers, who give VPIN alone: sessions, notional, Roll's sums, any number of instruments. One C loop does so
too, on the same records, and sets the goal; a bare one does what the peers do, for orientation.
"""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np

from benchmarks import flow
from benchmarks import vpin_loops as loops
from benchmarks.answers import Answer, equal_within
from benchmarks.bench import Bench
from benchmarks.harness import Call, MissingError
from benchmarks.peer import Peer
from benchmarks.report import Goal
from benchmarks.vpin_loops import BAR, N_BUCKETS, Work
from bus.records import Array
from services.vpin.kernel.batch import toxicity
from services.vpin.kernel.layout import Method
from services.vpin.kernel.settings import Settings

QUESTION: Final = "What does one trade cost, bucketed, when a whole history is given at once?"

N_TRADES: Final = 500_000
N_QUICK: Final = 20_000
SEED: Final = 20130901
TOLERANCE: Final = 1e-9


def run(bench: Bench) -> None:
    """Answer the question for a given side, then for bulk classification."""
    options = bench.options
    made = flow.made(N_QUICK if options.quick else N_TRADES, SEED)
    work = Work.of(made if options.data is None else flow.read(options.data))
    bench.workload("vpin", f"{work.trades.source}, buckets of {work.bucket_volume}, n = {N_BUCKETS}")
    library = _library(bench)
    _signed(bench, work, library)
    _bulk(bench, work, library)


def _signed(bench: Bench, work: Work, library: ctypes.CDLL | None) -> None:
    ours = kernel(work, Method.REPORTED)
    columns = {
        "price": work.trades.price / 1e9,
        "size": work.trades.size.astype(np.float64),
        "is_buy": work.trades.side > 0,
    }
    goals = {"wickra": Goal(kind="at_least", ratio=5.0), "screamer": None}
    for name, goal in goals.items():
        bench.compare(
            f"Side given: knotmeter's batch against {name}'s?",
            ours,
            _peer(bench, name, work, columns),
            units=len(work.records),
            unit="trade",
            check=after_each_trade,
            answer="VPIN after each trade",
            goal=goal,
        )
    if library is not None:
        _against_loops(bench, work, library, ours)


def _against_loops(bench: Bench, work: Work, library: ctypes.CDLL, ours: Call[None, Array]) -> None:
    bench.compare(
        "Side given: knotmeter's batch against the same work in C?",
        ours,
        loops.signed_loop(work, library),
        units=len(work.records),
        unit="trade",
        check=_same_buckets,
        answer="VPIN, imbalance, notional, Roll spread, closing trade",
        goal=Goal(kind="at_most", ratio=1.3),
    )
    bench.compare(
        "Side given: knotmeter's batch against bare VPIN in C, on two columns?",
        ours,
        loops.bare_loop(work, library),
        units=len(work.records),
        unit="trade",
        check=_same_vpin,
        answer="VPIN and imbalance of each bucket",
    )


def _bulk(bench: Bench, work: Work, library: ctypes.CDLL | None) -> None:
    ours = kernel(work, Method.BULK_NORMAL)
    columns = {"ts_event": work.trades.ts_event, "price": work.trades.price, "size": work.trades.size}
    bench.compare(
        "Bulk classification by the minute: knotmeter's batch against pandas?",
        ours,
        _peer(bench, "pandas", work, columns),
        units=len(work.records),
        unit="trade",
        check=_same_vpin,
        answer="VPIN and imbalance of each bucket",
        goal=Goal(kind="at_least", ratio=4.0),
    )
    if library is not None:
        bench.compare(
            "Bulk classification by the minute: knotmeter's batch against C?",
            ours,
            loops.bulk_loop(work, library),
            units=len(work.records),
            unit="trade",
            check=_same_buckets,
            answer="VPIN, imbalance, notional, Roll spread, closing trade",
            goal=Goal(kind="at_most", ratio=1.3),
        )


def kernel(work: Work, method: Method) -> Call[None, Array]:
    """Our batch kernel, memory and all."""
    settings = Settings(method, n_buckets=N_BUCKETS, bar=BAR)

    def answer(_: None, buckets: Array) -> Answer:
        return {
            "vpin": buckets["vpin"],
            "imbalance": buckets["imbalance"] / work.bucket_volume,
            "notional": buckets["notional"] / 1e9,
            "roll_spread": buckets["roll_spread"],
            "closed_by": buckets["sequence"].astype(np.int64) // 2 - 1,
            "n_trades": np.array([len(work.records)]),
        }

    return Call(
        "knotmeter batch",
        lambda: None,
        lambda _: toxicity(work.records, work.bucket_volume, settings),
        answer,
    )


def after_each_trade(ours: Answer, theirs: Answer) -> float:
    """Hold VPIN after each trade against ours, which stands from one bucket's close to the next."""
    n_trades = int(ours["n_trades"][0])
    closed = np.searchsorted(ours["closed_by"], np.arange(n_trades), side="right")
    standing = np.append(np.nan, ours["vpin"])[closed]
    return equal_within(TOLERANCE)({"vpin_after_trade": standing}, theirs)


def _same_buckets(ours: Answer, theirs: Answer) -> float:
    return equal_within(TOLERANCE)({name: ours[name] for name in theirs}, theirs)


def _same_vpin(ours: Answer, theirs: Answer) -> float:
    return _same_buckets(ours, {name: theirs[name] for name in ("vpin", "imbalance")})


def _peer(bench: Bench, name: str, work: Work, columns: dict[str, Array]) -> Peer:
    parameters = {"bucket_volume": work.bucket_volume, "n_buckets": N_BUCKETS, "bar": BAR}
    return Peer(
        f"{name} batch",
        name,
        f"{name}_vpin",
        columns,
        parameters,
        install=not bench.options.quick,
        versions=bench.report.versions,
    )


def _library(bench: Bench) -> ctypes.CDLL | None:
    try:
        return loops.library()
    except MissingError as error:
        bench.missing("C loop", str(error))
        return None
