r"""Stylised facts of one instrument's trades and quotes, measured as the bands were.

All times are of one stretch of regular trading from ``start`` to ``stop``. Prices are held from trade to
trade; a return is the difference of logarithms of the last prices of two periods; a kurtosis is Pearson's
(3 for the normal). What cannot be measured, for want of trades, quotes or reported sides, is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bus.records import Array

SECOND = 1_000_000_000
OFI_SECONDS = 10
U_SHAPE_SECONDS = 1_800

Floats = NDArray[np.float64]


def measure(trades: Array, quotes: Array, tick: int, start: int, stop: int) -> dict[str, float]:
    """Measure every fact of `services.marketdata.simulator.bands`.

    Args:
        trades: `bus.records.TRADE` of one instrument, by time.
        quotes: `bus.records.QUOTE` of it, by time; may be empty.
        tick: Price increment, 1e-9 of the currency.
        start: Start of the stretch, ns.
        stop: Its end, ns, at least two minutes later.

    Returns:
        Value of each fact by name; NaN where it cannot be had.
    """
    times = trades["ts_event"]
    trades = trades[(times >= start) & (times < stop)]
    quotes = quotes[(quotes["ts_event"] >= start) & (quotes["ts_event"] < stop)]
    return {
        **price_facts(trades, start, stop),
        **count_facts(trades["ts_event"], start, stop),
        **size_facts(trades),
        **sign_facts(trades),
        **spread_facts(quotes, tick, stop),
        **impact_facts(trades, quotes, tick, start, stop),
    }


def price_facts(trades: Array, start: int, stop: int) -> dict[str, float]:
    """Unchanged prices, bounce, tails and clustering of returns."""
    changes = np.diff(trades["price"]).astype(np.float64)
    seconds, minutes = (returns(trades, start, stop, period) for period in (1, 60))
    sizes = np.abs(seconds)
    tails = kurtosis(seconds), kurtosis(minutes)
    return {
        "zero_changes": float((changes == 0).mean()) if len(changes) else np.nan,
        "bounce": autocorrelation(changes, 1),
        "kurtosis_1s": tails[0],
        "kurtosis_60s": tails[1],
        "gaussianity": tails[0] / tails[1],
        **{f"volatility_acf_{lag}": autocorrelation(sizes, lag) for lag in (1, 10, 60, 300)},
    }


def count_facts(times: NDArray[np.int64], start: int, stop: int) -> dict[str, float]:
    """Overdispersion and memory of counts by the second, and the day's U: open and close against noon."""
    counts = np.bincount((times - start) // SECOND, minlength=(stop - start) // SECOND).astype(np.float64)
    mean = counts.mean()
    return {
        "fano": float(counts.var() / mean) if mean > 0 else np.nan,
        "count_acf_1": autocorrelation(counts, 1),
        "count_acf_60": autocorrelation(counts, 60),
    }


def size_facts(trades: Array) -> dict[str, float]:
    """Mean, median and 99th percentile of sizes."""
    sizes = trades["size"]
    if not len(sizes):
        return dict.fromkeys(("size_mean", "size_median", "size_p99"), np.nan)
    return {
        "size_mean": float(sizes.mean()),
        "size_median": float(np.median(sizes)),
        "size_p99": float(np.quantile(sizes, 0.99)),
    }


def sign_facts(trades: Array) -> dict[str, float]:
    """Memory of the aggressor's side; NaN if a side is missing."""
    signs = trades["aggressor_side"].astype(np.float64)
    known = bool((signs != 0).all())
    return {
        f"sign_acf_{lag}": autocorrelation(signs, lag) if known else np.nan for lag in (1, 2, 5, 10, 20, 50)
    }


def spread_facts(quotes: Array, tick: int, stop: int) -> dict[str, float]:
    """Share of quotes with a spread of 1, 2 and 3 ticks, and of time with 1."""
    spreads = (quotes["ask_price"] - quotes["bid_price"]) // tick
    if not len(spreads):
        return dict.fromkeys(("spread_1", "spread_2", "spread_3", "spread_1_of_time"), np.nan)
    lasts = np.diff(np.append(quotes["ts_event"], stop))
    shares = {f"spread_{ticks}": float((spreads == ticks).mean()) for ticks in (1, 2, 3)}
    return {**shares, "spread_1_of_time": float(lasts[spreads == 1].sum() / max(1, lasts.sum()))}


def impact_facts(trades: Array, quotes: Array, tick: int, start: int, stop: int) -> dict[str, float]:
    """R2 of the mid's change over 10 s on order-flow imbalance, and on signed traded volume.

    Source: Cont, Kukanov and Stoikov, Journal of Financial Econometrics 12 (2014).
    """
    if len(quotes) < 2:
        return {"ofi_r2": np.nan, "trade_imbalance_r2": np.nan}
    edges = np.arange(start, stop + 1, OFI_SECONDS * SECOND)
    mids = (quotes["bid_price"] + quotes["ask_price"]) / (2.0 * tick)
    last = np.searchsorted(quotes["ts_event"], edges, side="right") - 1
    known = last[:-1] >= 0
    changes = mids[last[1:]] - mids[np.maximum(last[:-1], 0)]
    flow = _summed(quotes["ts_event"][1:], order_flow(quotes), edges)
    signed = _summed(trades["ts_event"], trades["size"] * trades["aggressor_side"].astype(np.float64), edges)
    return {
        "ofi_r2": _r2(flow[known], changes[known]),
        "trade_imbalance_r2": _r2(signed[known], changes[known]),
    }


def order_flow(quotes: Array) -> Floats:
    """Order-flow imbalance of each quote against the one before it, size units, ``(n_quotes - 1,)``.

    >>> from bus.records import QUOTE
    >>> quotes = np.zeros(6, QUOTE)
    >>> quotes["bid_price"] = [10000, 10000, 10001, 10001, 10000, 9999]
    >>> quotes["ask_price"] = [10001, 10001, 10002, 10002, 10001, 10001]
    >>> quotes["bid_size"], quotes["ask_size"] = [5, 8, 3, 3, 6, 4], [7, 7, 4, 2, 9, 9]
    >>> order_flow(quotes).tolist()
    [3.0, 10.0, 2.0, -12.0, -6.0]
    """
    old, new = quotes[:-1], quotes[1:]
    flow = np.where(new["bid_price"] >= old["bid_price"], new["bid_size"], 0)
    flow -= np.where(new["bid_price"] <= old["bid_price"], old["bid_size"], 0)
    flow -= np.where(new["ask_price"] <= old["ask_price"], new["ask_size"], 0)
    flow += np.where(new["ask_price"] >= old["ask_price"], old["ask_size"], 0)
    return flow.astype(np.float64)


def returns(trades: Array, start: int, stop: int, seconds: int) -> Floats:
    """Log returns of the last trade price from period to period, from the first trade's on."""
    if not len(trades):
        return np.zeros(0)
    edges = np.arange(start + seconds * SECOND, stop + 1, seconds * SECOND)
    last = np.searchsorted(trades["ts_event"], edges, side="left") - 1
    prices = trades["price"][last[last >= 0]].astype(np.float64)
    found: Floats = np.diff(np.log(prices))
    return found


def half_hour_shares(trades: Array, start: int, stop: int) -> Floats:
    """Share of the volume in each half hour, ``(n_half_hours,)``."""
    place = (trades["ts_event"] - start) // (U_SHAPE_SECONDS * SECOND)
    n_parts = -(-(stop - start) // (U_SHAPE_SECONDS * SECOND))
    volume: Floats = np.bincount(place, trades["size"], minlength=n_parts).astype(np.float64)
    volume /= volume.sum()
    return volume


def autocorrelation(values: Floats, lag: int) -> float:
    """Sample autocorrelation; NaN for a constant or a series not longer than the lag.

    >>> autocorrelation(np.array([1.0, -1.0] * 500), 1) < -0.99
    True
    """
    if len(values) <= lag:
        return np.nan
    centered = values - values.mean()
    variance = float(centered @ centered)
    return float(centered[lag:] @ centered[:-lag]) / variance if variance > 0 else np.nan


def kurtosis(values: Floats) -> float:
    """Fourth central moment over the squared variance; 3 for the normal, NaN for a constant."""
    if not len(values):
        return np.nan
    centered = values - values.mean()
    variance = float((centered**2).mean())
    return float((centered**4).mean()) / variance**2 if variance > 0 else np.nan


def _summed(times: NDArray[np.int64], values: Floats, edges: NDArray[np.int64]) -> Floats:
    """Sum of the values in each ``(edge, next edge]``."""
    total = np.append(0.0, np.cumsum(values))
    found: Floats = np.diff(total[np.searchsorted(times, edges, side="right")])
    return found


def _r2(x: Floats, y: Floats) -> float:
    if len(x) < 3 or not x.std() or not y.std():
        return np.nan
    return float(np.corrcoef(x, y)[0, 1] ** 2)
