"""The simulated book, held against a plain one."""

from __future__ import annotations

import numpy as np
import pytest

from bus.record_codes import BookAction, Flag
from bus.records import Array, Records
from services.marketdata.kernel.simulator.best import best_quotes
from tests.services.marketdata.simulator.flows import TICK, flow, of


class PlainBook:
    """Levels in two dictionaries, side to price to size."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}

    def learn(self, level: Array) -> None:
        """Apply one record."""
        if level["action"] == BookAction.CLEAR:
            self.sides = {1: {}, -1: {}}
            return
        side, price, size = int(level["side"]), int(level["price"]), int(level["size"])
        assert size >= 0
        if size:
            self.sides[side][price] = size
        else:
            self.sides[side].pop(price)

    def best(self) -> tuple[int, int, int, int]:
        """Best bid and ask, and their sizes."""
        bid, ask = max(self.sides[1]), min(self.sides[-1])
        return bid, ask, self.sides[1][bid], self.sides[-1][ask]


@pytest.fixture(scope="module")
def records() -> Records:
    """A small market of one session."""
    return flow(sessions=1)


def test_the_book_is_never_crossed_nor_empty(records: Records) -> None:
    """After each event the bid is below the ask, both have 1 to 10 levels, and what is removed was there."""
    for row in range(3):
        book = PlainBook()
        for level in of(records["level"], row):
            book.learn(level)
            if level["flags"] & Flag.LAST:
                bid, ask, _, _ = book.best()
                assert bid < ask
                assert all(1 <= len(side) <= 10 for side in book.sides.values())


def test_best_quotes_are_those_of_the_plain_book(records: Records) -> None:
    """Wherever the best changed at the end of an event there is a quote, and nowhere else."""
    levels = of(records["level"], 1)
    book = PlainBook()
    expected: list[tuple[int, int, int, int, int]] = []
    for level in levels:
        book.learn(level)
        if level["flags"] & Flag.LAST and (not expected or expected[-1][1:] != book.best()):
            expected.append((int(level["sequence"]), *book.best()))

    quotes = best_quotes(levels, TICK)

    names = ("sequence", "bid_price", "ask_price", "bid_size", "ask_size")
    assert [tuple(int(quote[name]) for name in names) for quote in quotes] == expected


def test_trades_take_what_stood_at_the_best(records: Records) -> None:
    """A buyer's first trade is at the ask that stood, a seller's at the bid."""
    levels, trades = of(records["level"], 2), of(records.trade, 2)
    quotes = best_quotes(levels, TICK)
    first = np.append(True, np.diff(trades["ts_event"]) > 0)
    stood = quotes[np.searchsorted(quotes["sequence"], trades["sequence"][first]) - 1]
    buys = trades["aggressor_side"][first] == 1

    assert (trades["price"][first] == np.where(buys, stood["ask_price"], stood["bid_price"])).all()
    assert first.mean() < 0.9


def test_trades_come_before_the_levels_of_their_event(records: Records) -> None:
    """Trades and levels of an event follow each other without a gap, and the last level alone is marked."""
    levels, trades = of(records["level"], 0), of(records.trade, 0)
    times, ends = np.unique(levels["ts_event"], return_index=True)
    n_last = np.add.reduceat((levels["flags"] & Flag.LAST) != 0, ends)
    after = levels[np.searchsorted(levels["sequence"], trades["sequence"])]

    assert (n_last == 1).all()
    assert (after["ts_event"] == trades["ts_event"]).all()
    assert len(times) > len(np.unique(trades["ts_event"]))
