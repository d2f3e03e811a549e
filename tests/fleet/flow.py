"""A seeded input flow for contract tests: instruments, quotes and trades of a source's feed, in memory."""

from __future__ import annotations

import numpy as np

from bus.record_codes import AggressorSide, SideOrigin
from bus.records import QUOTE, TRADE, Array, Records
from shared.instruments import Instrument, to_records

START = 1_700_000_000_000_000_000
"""First time of the flow, ns."""

INSTRUMENTS = [
    Instrument(instrument_id="ALPHA.TEST", price_increment=10_000_000),
    Instrument(instrument_id="BETA.TEST", price_increment=250_000_000, multiplier=50_000_000_000),
    Instrument(instrument_id="GAMMA.TEST", price_increment=10_000, size_increment=1_000_000),
]


def input_flow(n_records: int, seed: int = 7) -> Records:
    """Instruments, then quotes and trades with clustered times, ordinals as sequences."""
    generator = np.random.default_rng(seed)
    is_trade = generator.random(n_records) < 0.5
    times = START + np.cumsum(
        (generator.exponential(0.3e9, n_records) * (generator.random(n_records) < 0.7)).astype(np.int64)
    )
    rows = generator.integers(0, len(INSTRUMENTS), n_records)
    mid = 100_000_000_000 + 10_000_000 * np.cumsum(generator.integers(-1, 2, n_records))
    ordinals = np.arange(n_records, dtype=np.uint64) + len(INSTRUMENTS) + 1
    definitions = to_records(INSTRUMENTS, 0, START)
    definitions["sequence"] = np.arange(1, len(INSTRUMENTS) + 1)
    trades = _trades(generator, ordinals[is_trade], times[is_trade], rows[is_trade], mid[is_trade])
    quotes = _quotes(generator, ordinals[~is_trade], times[~is_trade], rows[~is_trade], mid[~is_trade])
    return Records({"instrument": definitions, "trade": trades, "quote": quotes})


def _trades(generator: np.random.Generator, ordinals: Array, times: Array, rows: Array, mid: Array) -> Array:
    trades = np.zeros(len(ordinals), TRADE)
    trades["sequence"], trades["instrument"] = ordinals, rows
    trades["ts_event"] = trades["ts_init"] = times
    trades["aggressor_side"] = generator.choice(
        [AggressorSide.BUYER, AggressorSide.SELLER, AggressorSide.NONE], len(rows)
    )
    trades["side_origin"] = np.where(trades["aggressor_side"] != 0, SideOrigin.REPORTED, SideOrigin.NONE)
    trades["price"] = mid + 5_000_000 * trades["aggressor_side"].astype(np.int64)
    trades["size"] = generator.geometric(0.02, len(rows))
    return trades


def _quotes(generator: np.random.Generator, ordinals: Array, times: Array, rows: Array, mid: Array) -> Array:
    quotes = np.zeros(len(ordinals), QUOTE)
    quotes["sequence"], quotes["instrument"] = ordinals, rows
    quotes["ts_event"] = quotes["ts_init"] = times
    quotes["bid_price"], quotes["ask_price"] = mid - 5_000_000, mid + 5_000_000
    quotes["bid_size"] = generator.integers(1, 500, len(rows))
    quotes["ask_size"] = generator.integers(1, 500, len(rows))
    return quotes


class ListFeed:
    """Feed over one slice in memory."""

    rereadable = True

    def __init__(self, records: Records) -> None:
        self._records = records
        self._position = 0
        self.notes: list[str] = []

    @property
    def n_records(self) -> int:
        """Records in all."""
        return len(self._records)

    @property
    def progress(self) -> float:
        """Fraction read."""
        return self._position / max(len(self._records), 1)

    def read(self, limit: int) -> Records:
        """The next records."""
        rest = self._records.split_at_sequence(self._position + 1)[1]
        head = rest.split_at_sequence(self._position + limit + 1)[0]
        self._position += len(head)
        return head

    def seek(self, sequence: int) -> None:
        """Continue after an ordinal."""
        self._position = sequence

    def close(self) -> None:
        """Nothing to release."""
