"""How old messages are on arrival: couriers in turn, and what is said of their quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from benchmarks.answers import AnswerError
from benchmarks.bench import Bench
from benchmarks.courier import Ages, Courier
from benchmarks.harness import MissingError
from benchmarks.report import Finding, Goal, Ratio, Row, Spread
from benchmarks.targets import held

WARM_UP: Final = 20
"""One message in so many is sent first and not counted."""

QUANTILES: Final = (50, 99)

ANSWER: Final = "every message once, in order, byte for byte"


class Quantiles(NamedTuple):
    """Quantiles of one courier, ns, one value for each round."""

    p50: tuple[float, ...]
    p99: tuple[float, ...]
    n_messages: int
    """Messages counted in a round."""


def ready(bench: Bench, couriers: Sequence[Courier], n: int) -> list[Courier]:
    """Those that can take part, started; the others are named as missing."""
    started = []
    for courier in couriers:
        try:
            courier.prepare(n)
        except MissingError as error:
            bench.missing(courier.name, str(error))
        except AnswerError as error:
            bench.wrong(f"Does {courier.name} start?", str(error))
        else:
            started.append(courier)
            continue
        courier.close()
    return started


def in_turn(
    bench: Bench, question: str, couriers: Sequence[Courier], take: Callable[[Courier], Ages]
) -> dict[str, Quantiles]:
    """Take samples first to last, then last to first, and so on; a first one of each is its answer check.

    A courier whose answer is wrong has no figures.
    """
    ages: dict[str, list[Ages]] = {courier.name: [] for courier in couriers}
    order = list(couriers)
    for number in range(1 if bench.options.quick else 1 + bench.options.pairs):
        for courier in list(order):
            try:
                sample = take(courier)
            except AnswerError as error:
                bench.wrong(f"{question} {courier.name}", str(error))
                order.remove(courier)
                del ages[courier.name]
            else:
                if number or bench.options.quick:
                    ages[courier.name].append(sample[len(sample) // WARM_UP :])
        order.reverse()
    return {name: _quantiles(samples) for name, samples in ages.items()}


def finding(
    question: str,
    found: Mapping[str, Quantiles],
    names: tuple[str, str],
    quantile: int,
    goal: Goal | None = None,
) -> Finding:
    """How two couriers compare at one quantile.

    Args:
        question: what is asked, one line.
        found: figures of both.
        names: whose cost is divided by whose.
        quantile: 50 or 99.
        goal: what the median ratio has to reach.
    """
    rows = tuple(_row(name, found[name], quantile) for name in names)
    pairs = zip(rows[0].ns_per_unit.values, rows[1].ns_per_unit.values, strict=True)
    spread = Spread.of([above / below for above, below in pairs])
    is_met = None if goal is None else goal.is_met_by(spread.median)
    return Finding(
        question=question,
        unit="hop",
        rows=rows,
        ratio=Ratio(of=" / ".join(names), spread=spread, goal=goal, is_met=is_met),
        largest_difference=0.0,
        answer=ANSWER,
    )


def against(question: str, name: str, figures: Quantiles, quantile: int, target_ns: float) -> Finding:
    """How one courier's quantile compares with a time that it shall stay below."""
    return held(question, "hop", _row(name, figures, quantile), target_ns, ANSWER)


def _row(name: str, figures: Quantiles, quantile: int) -> Row:
    values = figures.p50 if quantile == QUANTILES[0] else figures.p99
    return Row(name=name, ns_per_unit=Spread.of(values), units=1, calls=figures.n_messages)


def _quantiles(samples: Sequence[Ages]) -> Quantiles:
    p50, p99 = np.percentile(np.stack(samples), QUANTILES, axis=1)
    return Quantiles(tuple(p50.tolist()), tuple(p99.tolist()), len(samples[0]))
