"""A little market that makes the sample feed: enough of the mechanics for prices and signs to look real.

It is a stand-in for real data in the README and in tests; it claims no calibration to any market.

* **Arrivals**: market orders come as a self-exciting process with two exponential memories, a fast one for
  bursts and a slow one for busy spells, over a U-shaped day of 6.5 hours (Hawkes, Biometrika 58, 1971;
  thinned after Ogata, IEEE Trans. Inf. Theory 27, 1981).
* **Signs**: large parents are worked in pieces of one side, their lengths Pareto with tail 1.5, between
  orders of anybody, so that signs remember (Lillo, Mike and Farmer, Phys. Rev. E 71, 2005).
* **Prices**: an order takes the best queue. What it exhausts moves that side by a tick, and the spread so
  opened is closed later from either side: prices bounce, and they move.
* **Sizes**: round lots, odd lots, lognormal sizes, and a Pareto tail.

Only uniform numbers are drawn, so the same generator gives the same market on any version of NumPy.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from bus.records import Array
from shared.kernels.compile import inlined, kernel

SAMPLE: Final = np.dtype(
    [
        ("ts_event", "<i8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("bid_price", "<i8"),
        ("ask_price", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("aggressor_side", "<i8"),
    ]
)
"""One trade and the quote that it met: ns, 1e-9 currency, shares, +1 buyer or -1 seller."""

_MARKET: Final = np.dtype(
    [
        ("day", "<i8"),
        ("seconds", "<f8"),
        ("since", "<f8"),
        ("fast", "<f8"),
        ("slow", "<f8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("parent_side", "<i8"),
        ("parent_left", "<i8"),
    ]
)

_FIRST_DAY: Final = 19_724  # 2 January 2024, a Tuesday, in days since 1970
_OPEN: Final = 52_200  # 14:30 UTC, seconds
_SESSION: Final = 23_400.0  # seconds
_TICK: Final = 10_000_000
_FIRST_BID: Final = 10_000  # ticks

_FAST_SHARE: Final = 0.45
_SLOW_SHARE: Final = 0.30
_FAST_DECAY: Final = 4.0  # per second
_SLOW_DECAY: Final = 0.02
_U_FLOOR: Final = 0.6
_U_DEPTH: Final = 2.0  # mean of the U-shape is floor + depth / 5 = 1

_PARENT_CHANCE: Final = 0.75
_PARENT_TAIL: Final = 1.5
_LONGEST_PARENT: Final = 500
_CLOSING_RATE: Final = 2.0  # an open spread closes, per second
_REFILL_RATE: Final = 0.5  # a queue is renewed, per second
_RETURN_CHANCE: Final = 0.55  # an open spread closes from the side that was hit
_MOST_LEVELS: Final = 5
_LARGEST_SIZE: Final = 20_000


@kernel
def simulate(generator: np.random.Generator, n_trades: int, orders_per_day: float) -> Array:
    """Make a market's trades.

    Args:
        generator: Source of uniform numbers; advanced.
        n_trades: Trades to make.
        orders_per_day: Market orders of an average session; each gives one trade or a few.

    Returns:
        `SAMPLE` rows, ``(n_trades,)``, in the order of time.
    """
    out = np.empty(n_trades, SAMPLE)
    markets = np.zeros(1, _MARKET)
    market = markets[0]
    market.day = _FIRST_DAY
    market.bid, market.ask = _FIRST_BID, _FIRST_BID + 1
    market.bid_size, market.ask_size = _queue(generator), _queue(generator)
    rate = orders_per_day / _SESSION
    n_out = 0
    while n_out < n_trades:
        _wait(generator, market, rate)
        _settle(generator, market)
        n_out = _take(market, _side(generator, market), _size(generator), generator, out, n_out)
    markets[0].since = 0.0  # a row alone does not keep its array; this use of it does
    return out


@inlined
def _wait(generator: np.random.Generator, market: Any, rate: float) -> None:
    """Go on to the next market order."""
    base = rate * (1.0 - _FAST_SHARE - _SLOW_SHARE)
    market.since = 0.0
    while True:
        bound = base * (_U_FLOOR + _U_DEPTH) + market.fast + market.slow
        pause = -math.log(1.0 - generator.random()) / bound
        market.seconds += pause
        market.since += pause
        market.fast *= math.exp(-_FAST_DECAY * pause)
        market.slow *= math.exp(-_SLOW_DECAY * pause)
        if market.seconds >= _SESSION:
            _next_day(market)
            continue
        shape = _U_FLOOR + _U_DEPTH * (2.0 * market.seconds / _SESSION - 1.0) ** 4
        if generator.random() * bound < base * shape + market.fast + market.slow:
            break
    market.fast += _FAST_SHARE * _FAST_DECAY
    market.slow += _SLOW_SHARE * _SLOW_DECAY


@inlined
def _next_day(market: Any) -> None:
    market.day += 3 if (market.day + 3) % 7 == 4 else 1  # day 0 was a Thursday; Friday is followed by Monday
    market.seconds = market.since = market.fast = market.slow = 0.0


@inlined
def _settle(generator: np.random.Generator, market: Any) -> None:
    """Let limit orders close an open spread and renew the queues, as time allows."""
    hit_ask = market.parent_side > 0
    while market.ask - market.bid > 1 and generator.random() < 1.0 - math.exp(-_CLOSING_RATE * market.since):
        if (generator.random() < _RETURN_CHANCE) == hit_ask:
            market.ask -= 1
            market.ask_size = _queue(generator)
        else:
            market.bid += 1
            market.bid_size = _queue(generator)
    renewed = 1.0 - math.exp(-_REFILL_RATE * market.since)
    if generator.random() < renewed:
        market.bid_size = _queue(generator)
    if generator.random() < renewed:
        market.ask_size = _queue(generator)


@inlined
def _side(generator: np.random.Generator, market: Any) -> int:
    """Side of the next order: a piece of the parent at work, or anybody's."""
    if market.parent_left == 0:
        market.parent_side = _coin(generator)
        length = (1.0 - generator.random()) ** (-1.0 / _PARENT_TAIL)
        market.parent_left = min(math.ceil(length), _LONGEST_PARENT)
    if generator.random() < _PARENT_CHANCE:
        market.parent_left -= 1
        return int(market.parent_side)
    return _coin(generator)


@inlined
def _take(market: Any, side: int, size: int, generator: np.random.Generator, out: Array, n_out: int) -> int:
    """Execute a market order level by level; returns rows of ``out`` in use."""
    ts_event = (market.day * 86_400 + _OPEN) * 1_000_000_000 + int(market.seconds * 1e9)
    rest = size
    for _ in range(_MOST_LEVELS):
        if rest == 0 or n_out == len(out):
            break
        trade = out[n_out]
        n_out += 1
        trade.ts_event, trade.aggressor_side = ts_event, side
        trade.bid_price, trade.ask_price = market.bid * _TICK, market.ask * _TICK
        trade.bid_size, trade.ask_size = market.bid_size, market.ask_size
        trade.price = trade.ask_price if side > 0 else trade.bid_price
        trade.size = min(rest, market.ask_size if side > 0 else market.bid_size)
        rest -= trade.size
        if side > 0:
            market.ask_size -= trade.size
            if market.ask_size == 0:
                market.ask += 1
                market.ask_size = _queue(generator)
        else:
            market.bid_size -= trade.size
            if market.bid_size == 0:
                market.bid -= 1
                market.bid_size = _queue(generator)
    return n_out


@inlined
def _size(generator: np.random.Generator) -> int:
    """Shares of a market order."""
    sort = generator.random()
    if sort < 0.55:
        return 100
    if sort < 0.70:
        return 1 + int(99.0 * generator.random())
    if sort < 0.97:
        radius = math.sqrt(-2.0 * math.log(1.0 - generator.random()))
        normal = radius * math.cos(2.0 * math.pi * generator.random())
        return min(max(int(10.0 * math.exp(2.8 + 0.7 * normal)), 1), _LARGEST_SIZE)
    return min(int(500.0 * (1.0 - generator.random()) ** (-1.0 / 1.5)), _LARGEST_SIZE)


@inlined
def _queue(generator: np.random.Generator) -> int:
    """Shares that stand at a new best price: lots of 100, geometric with a mean of six."""
    return 100 * (1 + int(math.log(1.0 - generator.random()) / math.log(5.0 / 6.0)))


@inlined
def _coin(generator: np.random.Generator) -> int:
    return 1 if generator.random() < 0.5 else -1
