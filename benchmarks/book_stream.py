"""The orders that benchmarks build books of: made from a seed, or an hour of the E-mini; and their levels."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bus.record_codes import BookAction
from bus.records import LEVEL, ORDER, PRICE_SCALE, Array

ESH4_FILE: Final = Path("market", "es_mbo", "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
"""Real orders, relative to the folder given as --data."""

TICK: Final = PRICE_SCALE // 4
"""Price increment of the E-mini, 1e-9 index points."""

FIRST_TICK: Final = 19_200
"""Ticks of the price that made orders stand around at first: 4800 index points."""

MEAN_DEPTH: Final = 12.0
"""Mean distance of a made order from the best price, ticks."""

_MESSAGE: Final = np.dtype(
    [
        *(("length", "u1"), ("type", "u1"), ("publisher", "<u2"), ("instrument", "<u4"), ("ts_event", "<u8")),
        *(("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"), ("channel", "u1")),
        *(("action", "S1"), ("side", "S1"), ("ts_recv", "<u8"), ("delta", "<i4"), ("sequence", "<u4")),
    ]
)
_ACTIONS: Final = {b"A": BookAction.ADD, b"M": BookAction.MODIFY, b"C": BookAction.CANCEL}


class Stream(NamedTuple):
    """One instrument's book, order by order and level by level."""

    orders: Array
    """`bus.records.ORDER`."""
    levels: Array
    """`bus.records.LEVEL`: what the orders do to levels, one or two records for each."""
    source: str
    """What they are, for the reader."""


def made(n: int, seed: int) -> Stream:
    """Orders that come and go around a price that wanders.

    >>> stream = made(1000, seed=1)
    >>> len(stream.orders), bool((stream.levels["size"] >= 0).all())
    (1000, True)
    """
    generator = np.random.default_rng(seed)
    records = np.zeros(n, ORDER)
    records["size"] = np.ceil(generator.lognormal(0.3, 1.0, n))
    records["side"] = generator.choice([-1, 1], n)
    depths = np.ceil(generator.exponential(MEAN_DEPTH, n)).astype(np.int64)
    middles = FIRST_TICK + np.cumsum(generator.choice([-1, 0, 1], n, p=(0.01, 0.98, 0.01)))
    records["price"] = (middles - records["side"] * depths) * TICK
    records["order_id"] = np.arange(1, n + 1)
    live: list[int] = []
    for place, (chance, choice) in enumerate(generator.random((n, 2)).tolist()):
        if len(live) < n // 50 or chance < 0.45:
            live.append(place)
            continue
        at = int(choice * len(live))
        records[place]["order_id"] = records[live[at]]["order_id"]
        if chance < 0.65:
            records[place]["action"] = BookAction.MODIFY
            live[at] = place
        else:
            records[place]["action"] = BookAction.CANCEL
            records[place]["size"] = records[live[at]]["size"]
            live[at] = live[-1]
            live.pop()
    return Stream(records, levels_of(records), f"{n:,} made order messages, seed {seed}")


def read(folder: Path) -> Stream:
    """The E-mini of 25 December 2023, 22:00 to 24:00 UTC, order by order.

    Raises:
        FileNotFoundError: the folder does not hold it.
    """
    file = folder / ESH4_FILE
    if not file.exists():
        message = f"`--data`: expected a folder with {ESH4_FILE} in it, found none at {folder}"
        raise FileNotFoundError(message)
    data = pa.input_stream(str(file), compression="zstd").read()
    found = np.frombuffer(data, _MESSAGE, offset=8 + int.from_bytes(data[4:8], "little"))
    found = found[np.isin(found["action"], list(_ACTIONS))]
    records = np.zeros(len(found), ORDER)
    for name in ("order_id", "price", "size"):
        records[name] = found[name]
    records["side"] = np.where(found["side"] == b"B", 1, -1)
    for letter, action in _ACTIONS.items():
        records["action"][found["action"] == letter] = action
    return Stream(records, levels_of(records), f"{len(records):,} order messages of ESH4, 25 December 2023")


def levels_of(orders: Array) -> Array:
    """What orders do to levels, by dictionaries."""
    standing: dict[int, tuple[int, int, int]] = {}
    totals: dict[tuple[int, int], int] = {}
    rows: list[tuple[int, int, int]] = []

    def add(side: int, price: int, size: int) -> None:
        totals[side, price] = totals.get((side, price), 0) + size
        rows.append((side, price, totals[side, price]))

    columns = (orders[name].tolist() for name in ("action", "order_id", "side", "price", "size"))
    for action, order_id, side, price, size in zip(*columns, strict=True):
        old_side, old_price, old_size = standing.pop(order_id, (side, price, 0))
        if action == BookAction.CANCEL:
            side, price, size = old_side, old_price, old_size - size
        if (side, price) != (old_side, old_price):
            add(old_side, old_price, -old_size)
            old_size = 0
        add(side, price, size - old_size)
        if size:
            standing[order_id] = side, price, size
    records = np.zeros(len(rows), LEVEL)
    records["action"] = BookAction.SET
    records["side"], records["price"], records["size"] = np.array(rows).T
    return records


def spread(n: int, n_instruments: int, seed: int) -> tuple[Array, Array]:
    """A snapshot of ten levels a side for each instrument, and ``n`` updates of these levels.

    All instruments get the same updates as often, in a random order among them, and in the end hold the same.
    """
    generator = np.random.default_rng(seed)
    n_steps = 50
    sides, places = generator.choice([-1, 1], n_steps), np.minimum(generator.geometric(0.35, n_steps), 10)
    sizes = generator.integers(1, 100, n_steps)
    rows = generator.permutation(np.arange(n) % n_instruments)
    steps = np.empty(n, np.int64)
    steps[np.argsort(rows, kind="stable")] = _counts(np.sort(rows)) % n_steps
    updates = _set(rows, sides[steps], places[steps], sizes[steps])
    both = np.repeat([-1, 1], 10)
    first = _set(
        np.repeat(np.arange(n_instruments), 20),
        np.tile(both, n_instruments),
        np.tile(np.arange(1, 11), 2 * n_instruments),
        np.ones(20 * n_instruments, np.int64),
    )
    return first, updates


def _counts(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal ones stand before each of sorted numbers."""
    places = np.arange(len(rows))
    starts = np.append(True, np.diff(rows) != 0)
    return places - np.maximum.accumulate(np.where(starts, places, 0))


def _set(
    rows: NDArray[np.int64], sides: NDArray[np.int64], places: NDArray[np.int64], sizes: NDArray[np.int64]
) -> Array:
    records = np.zeros(len(rows), LEVEL)
    records["action"] = BookAction.SET
    records["instrument"], records["side"], records["size"] = rows, sides, sizes
    records["price"] = (FIRST_TICK - sides * places) * TICK
    return records
