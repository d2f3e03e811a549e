"""The trades that benchmarks work on: made from a seed, or the E-mini file of the real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bus.record_codes import SideOrigin
from bus.records import PRICE_SCALE, TRADE, Records

ES_FILE: Final = Path("market", "es_futures", "sp500_emini_2013-09_ticks_500k.parquet")
"""Real trades, relative to the folder given as --data."""

FIRST_PRICE: Final = 1640 * PRICE_SCALE
"""Price before the first made trade, 1e-9 index points."""

TICK: Final = PRICE_SCALE // 4
"""Price increment of the E-mini, 1e-9 index points."""

TRADING_NS: Final = 72_000_000_000_000
"""Time that made trades spread over: twenty hours, ns."""

START: Final = 1_378_081_800_000_000_000
"""Time before the first made trade: 2013-09-02 00:30 UTC, ns, so that all are of one UTC day."""


class Trades(NamedTuple):
    """Columns of one instrument's trades, in order of time."""

    ts_event: NDArray[np.int64]
    """ns since 1970."""
    price: NDArray[np.int64]
    """1e-9 index points."""
    size: NDArray[np.int64]
    """Contracts."""
    side: NDArray[np.int8]
    """+1 buyer, -1 seller took the liquidity."""
    source: str
    """What they are, for the reader."""


def made(n: int, seed: int) -> Trades:
    """Trades like those of the E-mini: clustered in time, price mostly unchanged, most sizes small.

    >>> trades = made(1000, seed=1)
    >>> len(trades.price), bool((np.diff(trades.ts_event) >= 0).all()), int(trades.size.min())
    (1000, True, 1)
    """
    generator = np.random.default_rng(seed)
    gaps = generator.standard_exponential(n) * generator.lognormal(0.0, 2.0, n)
    ts_event = START + (np.cumsum(gaps) * (TRADING_NS / gaps.sum())).astype(np.int64)
    moves = generator.choice(np.array([-1, 0, 1]), n, p=(0.0245, 0.951, 0.0245))
    size = np.ceil(generator.lognormal(0.3, 1.25, n)).astype(np.int64)
    turns = generator.random(n) < 0.3  # keeping the side with 0.7 gives signs the memory that real ones have
    side = np.where(np.cumsum(turns) % 2 == 0, 1, -1).astype(np.int8)
    price = FIRST_PRICE + TICK * np.cumsum(moves)
    return Trades(ts_event, price, size, side, f"{n:,} made trades, seed {seed}")


def read(folder: Path) -> Trades:
    """Half a million E-mini trades of September 2013, their sides by the tick rule.

    Raises:
        FileNotFoundError: the folder does not hold them.
    """
    file = folder / ES_FILE
    if not file.exists():
        message = f"`--data`: expected a folder with {ES_FILE} in it, found none at {folder}"
        raise FileNotFoundError(message)
    table = pq.read_table(file)
    price = np.rint(table["Price"].to_numpy() * PRICE_SCALE).astype(np.int64)
    ts_event = table["DateTime"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    size = table["Volume"].to_numpy().astype(np.int64)
    return Trades(ts_event, price, size, _tick_rule(price), f"{len(price):,} E-mini trades of September 2013")


def first(trades: Trades, n: int) -> Trades:
    """The first ``n`` of the trades."""
    columns = (trades.ts_event[:n], trades.price[:n], trades.size[:n], trades.side[:n])
    return Trades(*columns, f"the first {n:,} of {trades.source}")


def records(
    trades: Trades, instruments: NDArray[Any] | int = 0, origin: int = SideOrigin.REPORTED
) -> Records:
    """The trades as one slice of the record flow, numbered from 1, each for its instrument row."""
    array = np.zeros(len(trades.price), TRADE)
    array["sequence"] = np.arange(1, len(array) + 1)
    array["ts_event"] = array["ts_init"] = trades.ts_event
    array["price"] = trades.price
    array["size"] = trades.size
    array["aggressor_side"] = trades.side
    array["side_origin"] = origin
    array["instrument"] = instruments
    return Records({"trade": array})


def _tick_rule(price: NDArray[np.int64]) -> NDArray[np.int8]:
    """Sign of the last price change that was not zero; +1 before the first."""
    moves = np.sign(np.diff(price, prepend=price[0]))
    last = np.maximum.accumulate(np.where(moves != 0, np.arange(len(price)), 0))
    signs = moves[last].astype(np.int8)
    signs[: int(np.argmax(moves != 0))] = 1
    return signs
