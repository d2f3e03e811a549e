"""The C loops over trades of benchmarks/c/vpin.c, as contenders, and the work that they and all others do."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks import flow, native
from benchmarks.answers import Answer
from benchmarks.harness import Call
from bus.records import END_OF_TIME, TRADE, Array
from services.vpin.kernel.batch import trade_records

N_BUCKETS: Final = 50
BUCKETS_IN_ALL: Final = 200
BAR: Final = 60_000_000_000

ROW: Final = np.dtype(
    [
        *((name, "<f8") for name in ("imbalance", "notional", "vpin", "roll_spread")),
        *((name, "<f8") for name in ("n_pairs", "sum_before", "sum_after", "sum_product")),
        *((name, "<i8") for name in ("n_trades", "closed_by")),
    ]
)
"""``struct bucket`` of benchmarks/c/vpin.c."""

LANE: Final = np.dtype([("before", "<i8", 4), ("session_until", "<i8"), ("after", "<i8", 19)])
"""``struct lane`` of benchmarks/c/vpin.c, of which only the end of the session is set."""


class Work(NamedTuple):
    """What every contender works on."""

    trades: flow.Trades
    records: Array
    """The same as records of `bus.records.TRADE`."""
    bucket_volume: int

    @classmethod
    def of(cls, trades: flow.Trades) -> Work:
        """Cut the volume into 200 buckets: on the E-mini file 9220 contracts each."""
        records = trade_records(trades.ts_event, trades.price, trades.size, trades.side)
        return cls(trades, records, int(trades.size.sum()) // BUCKETS_IN_ALL)


def library() -> ctypes.CDLL:
    """The compiled loops, whose structures are as long as ours.

    Raises:
        MissingError: they could not be compiled.
    """
    compiled = native.load("vpin")
    for name, dtype in (("trade_bytes", TRADE), ("bucket_bytes", ROW), ("lane_bytes", LANE)):
        assert ctypes.c_size_t.in_dll(compiled, name).value == dtype.itemsize, name
    return compiled


def signed_loop(work: Work, library: ctypes.CDLL) -> Call[Any, Any]:
    """The C loop over records whose side is given."""
    trades, room = work.records, BUCKETS_IN_ALL + 2
    function = _function(library, "vpin_signed")

    def loop(memory: tuple[Array, Array]) -> int:
        lanes, rows = memory
        end = (ctypes.c_int64(work.bucket_volume), ctypes.c_size_t(N_BUCKETS), _at(rows))
        return function(_at(trades), ctypes.c_size_t(len(trades)), _at(lanes), *end)

    return Call("C loop, the same work", lambda: _memory(room), loop, lambda m, n: _rows(work, m[1][:n]))


def bulk_loop(work: Work, library: ctypes.CDLL) -> Call[Any, Any]:
    """The C loop over records classified by the bar."""
    trades, room = work.records, BUCKETS_IN_ALL + 2
    function = _function(library, "vpin_bulk")

    def loop(memory: tuple[Array, Array]) -> int:
        lanes, rows = memory
        end = (ctypes.c_int64(work.bucket_volume), ctypes.c_size_t(N_BUCKETS), _at(rows))
        return function(_at(trades), ctypes.c_size_t(len(trades)), _at(lanes), ctypes.c_int64(BAR), *end)

    return Call("C loop, the same work", lambda: _memory(room), loop, lambda m, n: _rows(work, m[1][:n]))


def bare_loop(work: Work, library: ctypes.CDLL) -> Call[Any, Any]:
    """The C loop over sizes and sides that gives VPIN and nothing else."""
    size, side = work.trades.size, work.trades.side
    function = _function(library, "vpin_bare")

    def loop(out: Array) -> int:
        volume, n = ctypes.c_int64(work.bucket_volume), ctypes.c_size_t(N_BUCKETS)
        return function(_at(size), _at(side), ctypes.c_size_t(len(size)), volume, n, _at(out[0]), _at(out[1]))

    def answer(out: Array, n: int) -> Answer:
        return {"imbalance": out[0, :n] / work.bucket_volume, "vpin": out[1, :n]}

    return Call("C loop, bare VPIN", lambda: np.zeros((2, BUCKETS_IN_ALL + 2)), loop, answer)


def _function(library: ctypes.CDLL, name: str) -> Callable[..., int]:
    function: Callable[..., int] = library[name]
    function.restype = ctypes.c_size_t  # type: ignore[attr-defined]
    return function


def _at(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _memory(room: int) -> tuple[Array, Array]:
    lanes = np.zeros(1, LANE)
    lanes["session_until"] = END_OF_TIME
    return lanes, np.zeros(room, ROW)


def _rows(work: Work, rows: Array) -> Answer:
    return {
        "vpin": rows["vpin"],
        "imbalance": rows["imbalance"] / work.bucket_volume,
        "notional": rows["notional"] / 1e9,
        "roll_spread": rows["roll_spread"],
        "closed_by": rows["closed_by"],
    }
