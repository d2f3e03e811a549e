"""Primitive trade-sign rules: inline functions for the kernels that fold trades.

A sign is +1 for a buyer, -1 for a seller and 0 where the rule cannot tell. Prices are integers in 1e-9.

Sources: Lee and Ready, "Inferring Trade Direction from Intraday Data", Journal of Finance 46 (1991).
"""

from __future__ import annotations

from shared.kernels.compile import inlined


@inlined
def tick_sign(price: int, last_price: int, last_sign: int) -> int:
    """Sign a trade by the tick rule: the sign of the price change, else the last sign that was not zero.

    Args:
        price: Price of the trade.
        last_price: Price of the instrument's trade before it. For the first trade pass ``price`` itself.
        last_sign: What the rule said of the trade before it; 0 until the first price change.

    Returns:
        -1, 0 or +1; 0 only until the first price change.

    >>> tick_sign(101, 100, -1), tick_sign(99, 100, 1), tick_sign(100, 100, -1), tick_sign(100, 100, 0)
    (1, -1, -1, 0)
    """
    if price > last_price:
        return 1
    if price < last_price:
        return -1
    return last_sign


@inlined
def quote_sign(price: int, bid_price: int, ask_price: int) -> int:
    """Sign a trade by the quote rule: +1 above the mid-price, -1 below, 0 at the mid-price.

    The caller has made sure that both sides of the quote are present. Prices must stay below 2^62 in
    magnitude, so that twice a price fits 64 bits.

    Args:
        price: Price of the trade.
        bid_price: Best bid that prevailed before the trade.
        ask_price: Best ask that prevailed before the trade.

    Returns:
        -1, 0 or +1; 0 at the mid-price, where Lee and Ready go on to the tick rule.

    >>> quote_sign(102, 100, 102), quote_sign(100, 100, 102), quote_sign(101, 100, 102)
    (1, -1, 0)
    """
    twice_from_mid = (price - bid_price) + (price - ask_price)
    if twice_from_mid > 0:
        return 1
    if twice_from_mid < 0:
        return -1
    return 0
