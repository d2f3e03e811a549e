"""VPIN with bulk classification in pandas: one-minute bars by group, buckets cut exactly by interpolation.

What a careful analyst writes: no loop over rows, and no shortcut that would change the answer.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple

import numpy as np

DISTRIBUTIONS: Final = ("pandas", "scipy")

pandas: Any = import_module("pandas")  # has no place in the project's own environment
special: Any = import_module("scipy.special")


class Task(NamedTuple):
    """Trades as a frame, and how they are measured."""

    trades: Any
    bar: int
    bucket_volume: int
    n_buckets: int


def prepare(arrays: dict[str, Any], parameters: dict[str, Any]) -> Task:
    """Frame of price in natural units and size, by time in ns."""
    trades = pandas.DataFrame(
        {"ts_event": arrays["ts_event"], "price": arrays["price"] / 1e9, "size": arrays["size"]}
    )
    return Task(
        trades, int(parameters["bar"]), int(parameters["bucket_volume"]), int(parameters["n_buckets"])
    )


def work(task: Task) -> Any:
    """Bars, their buy shares, their volume cut into buckets, and the mean over the window."""
    grouped = task.trades.groupby(task.trades["ts_event"] // task.bar, sort=False)
    bars = grouped.agg(price=("price", "last"), size=("size", "sum")).iloc[:-1]  # the last bar is still open
    change = bars["price"].diff()
    share = special.ndtr(change / change.expanding().std()).where(change != 0, 0.5)
    share.iloc[0] = 0.5
    known = share.notna()
    volume = bars["size"][known].cumsum()
    bought = (bars["size"] * share)[known].cumsum()
    edges = np.arange(0, volume.iloc[-1] + 1, task.bucket_volume)
    buys = np.diff(np.interp(edges, np.append(0, volume), np.append(0.0, bought)))
    imbalance = pandas.Series(2 * buys / task.bucket_volume - 1)
    return imbalance, imbalance.abs().rolling(task.n_buckets).mean()


def answer(result: Any) -> dict[str, Any]:
    """Signed imbalance of each bucket as a share of its volume, and VPIN at its close."""
    imbalance, vpin = result
    return {"imbalance": imbalance.to_numpy(), "vpin": vpin.to_numpy()}
