"""An hour of the E-mini order by order, against the best prices that are known of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bus.record_codes import BookAction
from bus.records import ORDER, PRICE_SCALE, Array
from services.marketdata.kernel.book.layout import blank_books
from tests.services.marketdata.kernel.book.folds import applied, ladder, queued

MBO = np.dtype(
    [
        *(("length", "u1"), ("type", "u1"), ("publisher", "<u2"), ("instrument", "<u4"), ("ts_event", "<u8")),
        *(("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"), ("channel", "u1")),
        *(("action", "S1"), ("side", "S1"), ("ts_recv", "<u8"), ("delta", "<i4"), ("sequence", "<u4")),
    ]
)
ACTIONS = {b"A": BookAction.ADD, b"M": BookAction.MODIFY, b"C": BookAction.CANCEL, b"R": BookAction.CLEAR}
LAST = 128
OPEN = 1_703_545_200_000_000_000
"""25 December 2023, 23:00 UTC."""


@pytest.fixture(scope="module")
def messages(market_data: Path) -> Array:
    """Messages of ESH4 that change the book."""
    file = market_data / "es_mbo" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    data = pa.input_stream(str(file), compression="zstd").read()
    found = np.frombuffer(data, MBO, offset=8 + int.from_bytes(data[4:8], "little"))
    assert len(found) == 68_792
    return found[np.isin(found["action"], list(ACTIONS))]


def order_records(messages: Array) -> Array:
    """The same as order records."""
    records = np.zeros(len(messages), ORDER)
    for name in ("order_id", "price", "size"):
        records[name] = messages[name]
    records["side"] = np.where(messages["side"] == b"B", 1, -1)
    for letter, action in ACTIONS.items():
        records["action"][messages["action"] == letter] = action
    return records


def test_the_best_prices_are_the_known_ones(messages: Array, market_data: Path) -> None:
    """No order is unknown, and at the end of events the best changes 25,439 times, row by row as derived."""
    _, faults, bests = applied(blank_books(1), [order_records(messages)])
    assert not any(faults)
    ends = np.flatnonzero(messages["flags"] & LAST)
    rows = np.array(bests)[ends]
    whole = (rows[:, 1] > 0) & (rows[:, 3] > 0)
    rows, ends = rows[whole], ends[whole]
    changed = np.append(True, (rows[1:] != rows[:-1]).any(axis=1))
    rows, times = rows[changed], messages["ts_recv"][ends[changed]]

    known = pq.read_table(market_data / "es_mbo" / "derived_esh4_20231225_bbo.parquet")
    assert len(rows) == len(known) == 25_439
    for place, name in enumerate(("bid_px", "bid_sz", "ask_px", "ask_sz")):
        scale = PRICE_SCALE if name.endswith("px") else 1
        assert np.array_equal(rows[:, place], known[name].to_numpy() * scale)
    assert np.array_equal(times, known["ts_recv"].to_numpy())
    assert np.array_equal(messages["ts_event"][ends[changed]], known["ts_event"].to_numpy())
    first = rows[int(np.searchsorted(times, OPEN))]
    assert first.tolist() == [4_800 * PRICE_SCALE, 4, 4_800.25 * PRICE_SCALE, 7]
    assert rows[-1].tolist() == [4_810 * PRICE_SCALE, 22, 4_810.25 * PRICE_SCALE, 28]


def test_every_level_is_the_sum_of_its_orders(messages: Array) -> None:
    """At the end of the hour all 1,487 levels add up, and no order is empty."""
    books, _, _ = applied(blank_books(1), [order_records(messages)])
    n_levels = 0
    for side in (1, -1):
        for price, size, n_orders in ladder(books, 0, side):
            sizes = [left for _, left in queued(books, 0, side, price)]
            assert (sum(sizes), len(sizes)) == (size, n_orders)
            assert min(sizes) > 0
            n_levels += 1

    assert n_levels == 1_487
    assert int(books.use["n_orders"][0]) == 11_217
