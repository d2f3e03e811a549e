"""How large orders are: round lots, odd lots, lognormal sizes, and a Pareto tail. All in shares."""

from __future__ import annotations

import math
from typing import Any

from services.marketdata.kernel.simulator.draws import normal, uniform
from shared.kernels.compile import kernel


@kernel
def order_size(lane: Any, terms: Any) -> int:
    """Shares of a market order."""
    return _size(lane, terms, terms.order_round_chance, terms.order_more, terms.largest)


@kernel
def resting_size(lane: Any, terms: Any) -> int:
    """Shares of a limit order."""
    return _size(lane, terms, terms.resting_round_chance, terms.resting_more, terms.resting_largest)


@kernel
def queue_size(lane: Any, terms: Any) -> int:
    """Shares of a level that is uncovered: lots of 100, geometric."""
    lots = math.log(uniform(lane)) / math.log(1.0 - 1.0 / terms.queue_mean)
    return 100 * (1 + int(lots))


@kernel
def _size(lane: Any, terms: Any, round_chance: float, more: float, largest: float) -> int:
    draw = uniform(lane)
    if draw < round_chance:
        lots = math.log(uniform(lane)) / math.log(more)
        return 100 * (1 + int(min(lots, largest / 100.0 - 1.0)))
    if draw < round_chance + terms.odd_chance:
        return 1 + int(99.0 * uniform(lane))
    if draw < 1.0 - terms.tail_chance:
        size = math.exp(terms.log_mean + terms.log_sigma * normal(lane))
        return max(1, int(min(size, largest)))
    size = terms.tail_from * uniform(lane) ** (-1.0 / terms.tail)
    return int(min(size, largest))
