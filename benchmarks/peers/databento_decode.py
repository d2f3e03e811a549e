"""A DBN file into objects, by the decoder of the vendor."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

DISTRIBUTIONS: Final = ("databento-dbn",)

databento_dbn: Any = import_module("databento_dbn")  # has no place in the project's own environment


def prepare(arrays: dict[str, Any], _parameters: dict[str, Any]) -> bytes:
    """The bytes of the file."""
    return bytes(arrays["data"].tobytes())


def work(data: bytes) -> Any:
    """All records as objects, after the metadata."""
    decoder = databento_dbn.DBNDecoder()
    decoder.write(data)
    return decoder.decode()


def answer(result: Any) -> dict[str, Any]:
    """Columns of the changes of orders, and of the trades."""
    records = result[1:]
    orders = [one for one in records if str(one.action) in ("A", "C", "M")]
    trades = [one for one in records if str(one.action) == "T"]
    signs = {"B": 1, "A": -1, "N": 0}
    return {
        "order_id": np.array([one.order_id for one in orders], np.uint64),
        "price": np.array([one.price for one in orders], np.int64),
        "size": np.array([one.size for one in orders], np.int64),
        "side": np.array([signs[str(one.side)] for one in orders], np.int64),
        "ts_event": np.array([one.ts_event for one in orders], np.int64),
        "ts_init": np.array([one.ts_recv for one in orders], np.int64),
        "trade_price": np.array([one.price for one in trades], np.int64),
        "trade_size": np.array([one.size for one in trades], np.int64),
    }
