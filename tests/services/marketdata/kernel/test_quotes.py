"""The ring of recent quotes, against a sorted dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.records import QUOTE
from services.marketdata.kernel.quotes import RECENT, blank_quotes, quote_before, remember_quote

TIMES = st.integers(-20, 20)


@given(st.lists(TIMES, max_size=60), st.lists(TIMES, min_size=1, max_size=10))
def test_the_ring_keeps_the_newest_times(arrivals: list[int], trades: list[int]) -> None:
    """Whatever the order of arrival: the last quote of each of the eight newest times, found by time."""
    recent, newest = blank_quotes(3), 0
    kept: dict[int, int] = {}
    for number, time in enumerate(arrivals):
        quote = np.zeros(1, QUOTE)[0]
        quote["ts_event"], quote["bid_price"] = time, number
        newest = remember_quote(recent, 1, newest, quote, True)
        kept[time] = number
        kept = {known: kept[known] for known in sorted(kept)[-RECENT:]}

    for trade in trades:
        place = quote_before(recent, 1, newest, trade)
        before = [time for time in kept if time < trade]
        found = None if place < 0 else (int(recent[1, place]["ts_event"]), int(recent[1, place]["bid_price"]))

        assert found == ((max(before), kept[max(before)]) if before else None)
    assert (recent[[0, 2]] == blank_quotes(2)).all()
