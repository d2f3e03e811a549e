"""VPIN by screamer, with the side given: its batch call, on the two columns that it takes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("screamer",)

screamer: Any = import_module("screamer")  # has no place in the project's own environment


def prepare(arrays: dict[str, Any], parameters: dict[str, Any]) -> tuple[Any, ...]:
    """Buy and sell volume of each trade as floats."""
    size = arrays["size"].astype(np.float64)
    buy = np.where(arrays["is_buy"], size, 0.0)
    return parameters["bucket_volume"], int(parameters["n_buckets"]), buy, size - buy


def work(prepared: tuple[Any, ...]) -> Any:
    """All trades through one new indicator."""
    bucket_volume, n_buckets, buy, sell = prepared
    return screamer.VPIN(bucket_volume, n_buckets)(buy, sell)


def answer(result: Any) -> dict[str, Any]:
    """VPIN after each trade."""
    return {"vpin_after_trade": np.asarray(result, np.float64)}
