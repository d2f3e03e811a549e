"""The kernels that decode DBN, against plain twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import Flag
from bus.records import QUOTE, TRADE
from services.marketdata.adapter.dbn_layout import LAYOUTS
from services.marketdata.kernel import dbn

TRADES = np.dtype(LAYOUTS["trades"][1])
BEST = np.dtype(LAYOUTS["mbp-1"][1])
TRADES_FORM = (0, TRADES.itemsize // 4)
BEST_FORM = (1, BEST.itemsize // 4)


def random_rows(seed: int, n_rows: int, schema: str) -> Any:
    """Sound records of few prices and sizes, so that quotes repeat and sides are absent."""
    random = np.random.default_rng(seed)
    record_type, fields = LAYOUTS[schema]
    rows = np.zeros(n_rows, np.dtype(fields))
    rows["rtype"], rows["length"] = record_type, rows.dtype.itemsize // 4
    rows["ts_event"] = random.integers(0, 1_000, n_rows)
    rows["ts_recv"] = np.sort(random.integers(0, 1_000, n_rows))
    rows["action"] = random.choice(np.frombuffer(b"ACMTTT", np.uint8), n_rows)
    rows["side"] = random.choice(np.frombuffer(b"ABN", np.uint8), n_rows)
    rows["flags"] = random.integers(0, 256, n_rows)
    rows["price"], rows["size"] = random.integers(1, 5, n_rows), random.integers(1, 5, n_rows)
    if schema != "trades":
        for side in ("bid", "ask"):
            rows[f"{side}_price"] = random.choice([1, 2, 3, dbn.UNDEFINED_PRICE], n_rows)
            rows[f"{side}_size"] = random.integers(0, 3, n_rows)
    return rows


def plain_trade(row: Any, code: int, place: int) -> tuple[Any, ...]:
    """A trade as `bus.records.TRADE` has it."""
    side = {ord("B"): 1, ord("A"): -1}.get(int(row["side"]), 0)
    flags = Flag.SUSPICIOUS if row["flags"] & 0b1100 else 0
    times = (row["ts_event"], row["ts_recv"])
    return (place, *times, row["price"], row["size"], code, side, int(side != 0), int(flags))


def plain_flow(rows: Any, codes: Any, last: dict[int, tuple[int, ...]]) -> tuple[list[Any], list[Any]]:
    """Quotes and trades of ``mbp-1``, one record at a time."""
    quotes: list[Any] = []
    trades: list[Any] = []
    for row, code in zip(rows, codes, strict=True):
        bid = (int(row["bid_price"]), int(row["bid_size"]))
        ask = (int(row["ask_price"]), int(row["ask_size"]))
        bid = (0, 0) if bid[0] == dbn.UNDEFINED_PRICE or not bid[1] else bid
        ask = (0, 0) if ask[0] == dbn.UNDEFINED_PRICE or not ask[1] else ask
        if last.get(int(code)) != (*bid, *ask):
            last[int(code)] = (*bid, *ask)
            flags = Flag.SUSPICIOUS if row["flags"] & 0b1100 else 0
            flags |= Flag.CROSSED if bid[1] and ask[1] and bid[0] >= ask[0] else 0
            place = len(quotes) + len(trades)
            times = (row["ts_event"], row["ts_recv"])
            quotes.append((place, *times, bid[0], ask[0], bid[1], ask[1], code, int(flags), 0))
        if row["action"] == ord("T"):
            trades.append(plain_trade(row, code, len(quotes) + len(trades)))
    return quotes, trades


@given(st.integers(0, 2**32), st.integers(0, 50))
def test_trades_equal_their_plain_twin(seed: int, n_rows: int) -> None:
    """Every field of every trade is what one record at a time gives."""
    rows = random_rows(seed, n_rows, "trades")
    codes = (np.arange(n_rows) % 3).astype(np.uint32)
    found = np.zeros(n_rows, TRADE)

    assert dbn.trades(rows, codes, TRADES_FORM, 0, found) == -1

    assert found.tolist() == [plain_trade(row, codes[place], place) for place, row in enumerate(rows)]


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60))
def test_quotes_and_trades_equal_their_plain_twin(seed: int, n_rows: int, cut: int) -> None:
    """Quotes are told where they change, per instrument, over two blocks as over one."""
    rows = random_rows(seed, n_rows, "mbp-1")
    codes = (np.arange(n_rows) % 2).astype(np.uint32)
    best = np.full((2, 4), -1, np.int64)
    last: dict[int, tuple[int, ...]] = {}

    for part in (slice(None, cut), slice(cut, None)):
        quotes, trades = np.zeros(len(rows[part]), QUOTE), np.zeros(len(rows[part]), TRADE)
        n_quotes, n_trades, wrong = dbn.best_quotes(
            rows[part], codes[part], BEST_FORM, 0, best, quotes, trades
        )
        assert wrong == -1
        assert (quotes[:n_quotes].tolist(), trades[:n_trades].tolist()) == plain_flow(
            rows[part], codes[part], last
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [("rtype", 9), ("length", 9), ("ts_recv", -1), ("price", dbn.UNDEFINED_PRICE)],
)
@pytest.mark.parametrize("place", [0, 7, 9])
def test_the_first_wrong_record_is_found(field: str, value: int, place: int) -> None:
    """A wrong type, length, time or price stops the decoding at its index."""
    rows, best = random_rows(1, 10, "trades"), random_rows(1, 10, "mbp-1")
    codes = np.zeros(10, np.uint32)
    for array in (rows, best):
        array["action"] = ord("T")
        array[field][place:] = value

    trades, quotes = np.zeros(10, TRADE), np.zeros(10, QUOTE)
    assert dbn.trades(rows, codes, TRADES_FORM, 0, trades) == place
    last = np.full((1, 4), -1, np.int64)
    assert dbn.best_quotes(best, codes, BEST_FORM, 0, last, quotes, trades)[2] == place


def test_the_block_before_counts() -> None:
    """A first record that is older than the last of the block before is wrong."""
    rows = random_rows(1, 3, "trades")
    before = int(rows["ts_recv"][0]) + 1

    assert dbn.trades(rows, np.zeros(3, np.uint32), TRADES_FORM, before, np.zeros(3, TRADE)) == 0


def test_what_is_not_wanted_is_left_out() -> None:
    """Without room for quotes or trades only the other is decoded, and trades without price do not matter."""
    rows = random_rows(3, 40, "mbp-1")
    codes = np.zeros(40, np.uint32)
    none_q, none_t = np.zeros(0, QUOTE), np.zeros(0, TRADE)
    n_trades = int((rows["action"] == ord("T")).sum())

    last = np.full((1, 4), -1, np.int64)
    assert dbn.best_quotes(rows, codes, BEST_FORM, 0, last, none_q, np.zeros(40, TRADE)) == (0, n_trades, -1)
    rows["price"] = dbn.UNDEFINED_PRICE
    n_quotes, n_trades, wrong = dbn.best_quotes(rows, codes, BEST_FORM, 0, last, np.zeros(40, QUOTE), none_t)
    assert (n_quotes > 0, n_trades, wrong) == (True, 0, -1)
