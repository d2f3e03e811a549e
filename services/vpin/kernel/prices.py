"""The memory of trade prices: tick sign, and the pairs of price changes behind Roll's covariance."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.kernels.compile import kernel
from shared.kernels.sides import tick_sign


class Tally(NamedTuple):
    """What the trades since the last bucket closed add up to, and what the next one is compared with."""

    price: int
    """Last price, 1e-9."""
    change: float
    """Last price change, 1e-9."""
    n_prices: int
    """Prices seen, counted up to 2."""
    tick: int
    """Sign of the last price change that was not zero, 0 before the first."""
    n_trades: int
    n_pairs: int
    """Pairs of consecutive price changes."""
    sum_before: float
    """Sum of the earlier changes of the pairs, 1e-9."""
    sum_after: float
    """Sum of the later changes, 1e-9."""
    sum_product: float
    """Sum of their products, 1e-18."""


@kernel
def load_tally(lane: Any) -> Tally:
    """Read the tally of an instrument."""
    return Tally(
        lane.price,
        lane.change,
        lane.n_prices,
        lane.tick,
        lane.n_trades,
        lane.n_pairs,
        lane.sum_before,
        lane.sum_after,
        lane.sum_product,
    )


@kernel
def store_tally(lane: Any, tally: Tally) -> None:
    """Write the tally of an instrument back."""
    lane.price = tally.price
    lane.change = tally.change
    lane.n_prices = tally.n_prices
    lane.tick = tally.tick
    lane.n_trades = tally.n_trades
    lane.n_pairs = tally.n_pairs
    lane.sum_before = tally.sum_before
    lane.sum_after = tally.sum_after
    lane.sum_product = tally.sum_product


@kernel
def observed(tally: Tally, price: int) -> Tally:
    """Tally with one more trade."""
    price_before, before, n_prices, tick, n_trades, n_pairs, sum_before, sum_after, sum_product = tally
    change = 0.0
    if n_prices > 0:
        change = float(price - price_before)
        tick = tick_sign(price, price_before, tick)
    if n_prices > 1:
        n_pairs += 1
        sum_before += before
        sum_after += change
        sum_product += before * change
    n_prices = min(n_prices + 1, 2)
    return Tally(price, change, n_prices, tick, n_trades + 1, n_pairs, sum_before, sum_after, sum_product)
