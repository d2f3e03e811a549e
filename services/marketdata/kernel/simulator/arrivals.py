"""When an instrument's next order comes, and of what sort: three Hawkes processes that excite each other.

Market orders, limit orders and cancellations have a fast and a slow exponential memory each. Their baseline
is constant within a second of the session (day shape, activity, episodes), so a wait never passes the end
of its second: there it is drawn again, which changes nothing, because what is left of an exponential wait
is one.
"""

from __future__ import annotations

import math
from typing import Any, Final

from bus.records import Array
from services.marketdata.kernel.simulator.draws import uniform
from shared.kernels.compile import inlined, kernel

MARKET_ORDER: Final = 0
LIMIT_ORDER: Final = 1
CANCELLATION: Final = 2


@kernel
def await_event(lane: Any, terms: Any, end: float) -> None:
    """Set ``next`` to the next event before ``end``, or to ``end``; thinning after Ogata (1981)."""
    base = lane.mu_market + lane.mu_limit + lane.mu_cancel
    while True:
        fast = lane.fast_market + lane.fast_limit + lane.fast_cancel
        slow = lane.slow_market + lane.slow_limit + lane.slow_cancel
        bound = base + fast + slow
        pause = -math.log(uniform(lane)) / bound
        is_over = lane.time + pause >= end
        if is_over:
            pause = end - lane.time
        left_fast = math.exp(-terms.fast_decay * pause)
        left_slow = math.exp(-terms.slow_decay * pause)
        lane.compensator += (
            base * pause
            + fast * (1.0 - left_fast) / terms.fast_decay
            + slow * (1.0 - left_slow) / terms.slow_decay
        )
        _decay(lane, left_fast, left_slow)
        if is_over:
            lane.time = lane.next = end
            return
        lane.time += pause
        if uniform(lane) * bound < base + fast * left_fast + slow * left_slow:
            lane.next = lane.time
            return


@inlined
def sort_of_event(lane: Any) -> int:
    """Draw what the event at hand is, in proportion to the three intensities."""
    market = lane.mu_market + lane.fast_market + lane.slow_market
    limit = lane.mu_limit + lane.fast_limit + lane.slow_limit
    cancel = lane.mu_cancel + lane.fast_cancel + lane.slow_cancel
    draw = uniform(lane) * (market + limit + cancel)
    if draw < market:
        return MARKET_ORDER
    return LIMIT_ORDER if draw < market + limit else CANCELLATION


@inlined
def excite(lane: Any, terms: Any, sort: int) -> None:
    """Let an event raise the intensities: by its expected children times the decay of their memory."""
    fast, slow = terms.fast_decay, terms.slow_decay
    if sort == MARKET_ORDER:
        lane.fast_market += terms.fast_mm * fast
        lane.slow_market += terms.slow_mm * slow
        lane.fast_limit += terms.fast_ml * fast
        lane.slow_limit += terms.slow_ml * slow
        lane.fast_cancel += terms.fast_mc * fast
        lane.slow_cancel += terms.slow_mc * slow
    elif sort == LIMIT_ORDER:
        lane.fast_limit += terms.fast_ll * fast
        lane.slow_limit += terms.slow_ll * slow
        lane.fast_cancel += terms.fast_lc * fast
    else:
        lane.fast_limit += terms.fast_cl * fast
        lane.fast_cancel += terms.fast_cc * fast
        lane.slow_cancel += terms.slow_cc * slow


@kernel
def excite_to_mean(lane: Any, terms: Any, level: float) -> None:
    """Begin a session as if it had always gone at this multiple of the instrument's mean rates."""
    market = level * lane.rate_market / (1.0 - terms.fast_mm - terms.slow_mm)
    limit, cancel = terms.limits * market, terms.cancels * market
    lane.fast_market = terms.fast_mm * market
    lane.slow_market = terms.slow_mm * market
    lane.fast_limit = terms.fast_ml * market + terms.fast_ll * limit + terms.fast_cl * cancel
    lane.slow_limit = terms.slow_ml * market + terms.slow_ll * limit
    lane.fast_cancel = terms.fast_mc * market + terms.fast_lc * limit + terms.fast_cc * cancel
    lane.slow_cancel = terms.slow_mc * market + terms.slow_cc * cancel


@inlined
def _decay(lane: Any, left_fast: float, left_slow: float) -> None:
    lane.fast_market *= left_fast
    lane.fast_limit *= left_fast
    lane.fast_cancel *= left_fast
    lane.slow_market *= left_slow
    lane.slow_limit *= left_slow
    lane.slow_cancel *= left_slow


@inlined
def sink(heap: Array, lanes: Array, place: int) -> None:
    """Bring a lane whose next event moved back to its place in the heap; ties go by row."""
    count = len(heap)
    row = heap[place]
    time = lanes[row].next
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        other = child + 1
        if other < count and _is_before(lanes, heap[other], heap[child]):
            child = other
        best = heap[child]
        if lanes[best].next > time or (lanes[best].next == time and best > row):
            break
        heap[place] = best
        place = child
    heap[place] = row


@inlined
def _is_before(lanes: Array, row: int, other: int) -> bool:
    return lanes[row].next < lanes[other].next or (lanes[row].next == lanes[other].next and row < other)
