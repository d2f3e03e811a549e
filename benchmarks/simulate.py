"""What does one simulated record cost? A market of books against the barest process that clusters as it does.

Topology: one call of the market's kernel that fills one block of output, and one of Ogata's thinning with one
exponential kernel, of as many events. The bare loop does only a part of the work; above it stand three
processes that excite each other, the books, sizes, prices of all instruments each second, and the records
themselves. The market is checked by running it again, and both by their residuals, which are Exp(1).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.answers import Answer, AnswerError
from benchmarks.bench import Bench
from benchmarks.harness import Call, Entrant
from bus.records import BOOK_STATE, LEVEL, TRADE
from services.marketdata.kernel.simulator.hawkes import residuals, thinned
from services.marketdata.kernel.simulator.layout import ROOM, Memory, Output, Plan
from services.marketdata.kernel.simulator.market import advance
from services.marketdata.simulator.calibration import day_shape, terms
from services.marketdata.simulator.episodes import plan_episodes
from services.marketdata.simulator.faults import plan_faults
from services.marketdata.simulator.memory import first_memory
from services.marketdata.simulator.reference import make_reference
from services.marketdata.simulator.schedule import session_opens
from services.marketdata.simulator.settings import SimulatorSettings

QUESTION: Final = "What does one simulated record cost?"

SEED: Final = 1
N_LEVELS: Final = 1_000_000
N_QUICK: Final = 20_000
LEAST_P: Final = 0.001
MU, ALPHA, BETA = 1.0, 1.6, 2.0


class Market(NamedTuple):
    """A market before its first second, and where its records go."""

    memory: Memory
    plan: Plan
    out: Output


def run(bench: Bench) -> None:
    """Answer the question for one instrument and for twenty, by event and by record."""
    size = N_QUICK if bench.options.quick else N_LEVELS
    bench.workload("simulate", f"books of 1 and 20 instruments, {size:,} level records, seed {SEED}")
    for unit in ("event", "record"):
        points = [Entrant(_bare(size), size)]
        points += [Entrant(_market(count, size), _units(count, size, unit)) for count in (1, 20)]
        bench.series(
            f"What does one {unit} cost, by instruments, beside a bare loop of thinning?",
            points,
            unit=unit,
            check=_alike,
            answer="residuals of the arrivals are Exp(1)",
        )


def prepared(count: int, size: int) -> Market:
    """Set up a market with room for one block of records."""
    settings = SimulatorSettings(seed=SEED, n_instruments=count, history_days=0, sessions=250)
    reference = make_reference(settings)
    plan = Plan(
        terms(),
        day_shape(settings.session_seconds),
        session_opens(settings),
        plan_episodes(settings, reference),
    )
    out = Output(np.zeros(size, TRADE), np.zeros(size, LEVEL), np.zeros(2 * ROOM, BOOK_STATE), np.zeros(size))
    return Market(first_memory(settings, reference, plan_faults(settings)), plan, out)


def _units(count: int, size: int, unit: str) -> int:
    """Events or records of one call, found by making it."""
    market = prepared(count, size)
    advance(*market)
    made = market.memory.market[0]
    return int(made["n_residuals"] if unit == "event" else made["n_levels"] + made["n_trades"])


def _market(count: int, size: int) -> Call[Market, None]:
    def answer(market: Market, _: None) -> Answer:
        again = prepared(count, size)
        advance(*again)
        made = int(market.memory.market[0]["n_levels"])
        if again.out.levels[:made].tobytes() != market.out.levels[:made].tobytes():
            message = "expected the same levels from the same seed, found others"
            raise AnswerError(message)
        return {"residuals": market.out.residuals[: int(market.memory.market[0]["n_residuals"])]}

    return Call(f"market of {count}", lambda: prepared(count, size), lambda market: advance(*market), answer)


def _bare(size: int) -> Call[None, object]:
    def answer(_: None, times: object) -> Answer:
        return {"residuals": residuals(np.asarray(times), MU, np.array([ALPHA]), np.array([BETA]))}

    return Call("bare thinning", lambda: None, lambda _: thinned(SEED, size, MU, ALPHA, BETA), answer)


def _alike(ours: Answer, theirs: Answer) -> float:
    """Hold the residuals of both against Exp(1); returns the larger distance of distributions."""
    found = [stats.kstest(answer["residuals"], "expon") for answer in (ours, theirs)]
    if min(float(one.pvalue) for one in found) < LEAST_P:
        message = f"expected residuals that are Exp(1), found p of {[float(one.pvalue) for one in found]}"
        raise AnswerError(message)
    return max(float(one.statistic) for one in found)
