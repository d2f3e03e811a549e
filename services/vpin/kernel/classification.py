"""Who took liquidity: signs of trades from their prices and the quotes before them.

Arrays are one element a trade, in the order of trading. Prices are integers in 1e-9, so the mid-price is
met exactly or not at all. A sign is +1 for a buyer and -1 for a seller. ``quoted`` is false where no quote
with both sides prevailed; ``bid`` and ``ask`` are not looked at there. Integers have no NaN; empty input
gives empty output.

Accuracy on real exchange flags is measured in ``tests/services/vpin/test_golden.py``: on the E-mini S&P 500
the tick rule is right for 75 % of trades and 81 % of volume, the quote rule for all of both.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bus.record_codes import SideOrigin
from bus.records import Array
from services.vpin.kernel.layout import Method
from shared.kernels.compile import kernel
from shared.kernels.sides import quote_sign, tick_sign

REPORTED_ORIGIN: Final = int(SideOrigin.REPORTED)
REPORTED: Final = int(Method.REPORTED)


@kernel
def tick_rule(prices: Array) -> Array:
    """Sign trades by the tick rule: the sign of the last price change that was not zero.

    Trades before the first change are +1, by convention.

    Args:
        prices: ``(n_trades,)`` in 1e-9.

    Returns:
        ``(n_trades,)`` signs, +1 or -1.

    Source: Lee and Ready, "Inferring Trade Direction from Intraday Data", Journal of Finance 46 (1991).

    >>> tick_rule(np.array([100, 100, 99, 99, 101])).tolist()
    [1, 1, -1, -1, 1]
    """
    signs = np.empty(len(prices), np.int8)
    sign = 1
    for index in range(len(prices)):
        if index > 0:
            sign = tick_sign(prices[index], prices[index - 1], sign)
        signs[index] = sign
    return signs


@kernel
def quote_rule(prices: Array, bid: Array, ask: Array, quoted: Array) -> Array:
    """Sign trades by the quote rule: the sign of ``price - (bid + ask) / 2``.

    Args:
        prices: ``(n_trades,)`` in 1e-9.
        bid: ``(n_trades,)`` best bid before each trade, 1e-9.
        ask: ``(n_trades,)`` best ask before each trade, 1e-9.
        quoted: ``(n_trades,)`` whether both sides were there.

    Returns:
        ``(n_trades,)`` signs; 0 at the mid-price and without a quote.

    Source: Lee and Ready (1991).

    >>> both = np.ones(3, np.bool_)
    >>> quote_rule(np.array([10, 11, 12]), np.full(3, 10), np.full(3, 12), both).tolist()
    [-1, 0, 1]
    """
    signs = np.zeros(len(prices), np.int8)
    for index in range(len(prices)):
        if quoted[index]:
            signs[index] = quote_sign(prices[index], bid[index], ask[index])
    return signs


@kernel
def lee_ready(prices: Array, bid: Array, ask: Array, quoted: Array) -> Array:
    """Sign trades by the quote rule, and by the tick rule at the mid-price or without a quote.

    Args:
        prices: ``(n_trades,)`` in 1e-9.
        bid: ``(n_trades,)`` best bid before each trade, 1e-9.
        ask: ``(n_trades,)`` best ask before each trade, 1e-9.
        quoted: ``(n_trades,)`` whether both sides were there.

    Returns:
        ``(n_trades,)`` signs, +1 or -1.

    Source: Lee and Ready (1991). Their five-second lag is left to `prevailing`.

    >>> both = np.ones(3, np.bool_)
    >>> lee_ready(np.array([12, 11, 11]), np.full(3, 10), np.full(3, 12), both).tolist()
    [1, -1, -1]
    """
    signs = quote_rule(prices, bid, ask, quoted)
    return np.where(signs == 0, tick_rule(prices), signs)


@kernel
def ellis_michaely_ohara(prices: Array, bid: Array, ask: Array, quoted: Array) -> Array:
    """Sign trades at the ask as buys, at the bid as sells, and all others by the tick rule.

    A locked or crossed quote decides nothing.

    Args:
        prices: ``(n_trades,)`` in 1e-9.
        bid: ``(n_trades,)`` best bid before each trade, 1e-9.
        ask: ``(n_trades,)`` best ask before each trade, 1e-9.
        quoted: ``(n_trades,)`` whether both sides were there.

    Returns:
        ``(n_trades,)`` signs, +1 or -1.

    Source: Ellis, Michaely and O'Hara, "The Accuracy of Trade Classification Rules: Evidence from Nasdaq",
    Journal of Financial and Quantitative Analysis 35 (2000).

    >>> both = np.ones(3, np.bool_)
    >>> ellis_michaely_ohara(np.array([14, 13, 10]), np.full(3, 10), np.full(3, 14), both).tolist()
    [1, -1, -1]
    """
    signs = tick_rule(prices)
    for index in range(len(prices)):
        if quoted[index] and bid[index] < ask[index]:
            if prices[index] == ask[index]:
                signs[index] = 1
            elif prices[index] == bid[index]:
                signs[index] = -1
    return signs


@kernel
def chakrabarty_li_nguyen_van_ness(prices: Array, bid: Array, ask: Array, quoted: Array) -> Array:
    """Sign trades near the ask as buys, near the bid as sells, all others by the tick rule.

    Near is within 30 % of the spread, inside the quote.

    Both bands include their ends; prices outside the quote go to the tick rule, and so does everything
    under a locked or crossed quote.

    Args:
        prices: ``(n_trades,)`` in 1e-9.
        bid: ``(n_trades,)`` best bid before each trade, 1e-9.
        ask: ``(n_trades,)`` best ask before each trade, 1e-9.
        quoted: ``(n_trades,)`` whether both sides were there.

    Returns:
        ``(n_trades,)`` signs, +1 or -1.

    Source: Chakrabarty, Li, Nguyen and Van Ness, "Trade Classification Algorithms for Electronic
    Communications Network Trades", Journal of Banking and Finance 31 (2007).

    >>> both = np.ones(3, np.bool_)
    >>> prices, bid, ask = np.array([17, 16, 13]), np.full(3, 10), np.full(3, 20)
    >>> chakrabarty_li_nguyen_van_ness(prices, bid, ask, both).tolist()
    [1, -1, -1]
    """
    signs = tick_rule(prices)
    for index in range(len(prices)):
        spread = ask[index] - bid[index]
        if quoted[index] and spread > 0:
            below_ask = ask[index] - prices[index]
            above_bid = prices[index] - bid[index]
            if 0 <= below_ask <= 0.3 * spread:
                signs[index] = 1
            elif 0 <= above_bid <= 0.3 * spread:
                signs[index] = -1
    return signs


def prevailing(trade_times: Array, quote_times: Array, lag: int = 0) -> Array:
    """Find the quote that prevailed at each trade: the last strictly before its time less the lag.

    Args:
        trade_times: ``(n_trades,)`` ``ts_event`` in ns, never decreasing.
        quote_times: ``(n_quotes,)`` ``ts_event`` in ns, never decreasing.
        lag: How much older than the trade a quote must be, ns, from 0.

    Returns:
        ``(n_trades,)`` positions in ``quote_times``; -1 where none was before.

    >>> prevailing(np.array([5, 6, 9]), np.array([5, 5, 8])).tolist()
    [-1, 1, 2]
    """
    return np.searchsorted(quote_times, trade_times - lag, side="left") - 1


@kernel
def is_flow(trade: Any, method: int) -> bool:
    """Whether a trade is order flow that the method can sign."""
    reported = trade.side_origin == REPORTED_ORIGIN
    if method == REPORTED:
        return bool(reported and trade.aggressor_side != 0)
    return bool(not reported or trade.aggressor_side != 0)


@kernel
def tick_side(tick: int) -> int:
    """Side of a trade whose tick sign is known: +1 until the first price change."""
    return -1 if tick < 0 else 1


@kernel
def lee_ready_side(trade: Any, lane: Any) -> int:
    """Side of a trade by the prevailing quote of its lane, or else by its tick sign."""
    if lane.quoted:
        sign = quote_sign(trade.price, lane.bid, lane.ask)
        if sign != 0:
            return sign
    return tick_side(lane.tick)
