"""The side of a trade: as reported, else by the quote before it, else by the tick, else none."""

from __future__ import annotations

import pytest

from bus.record_codes import SideOrigin
from services.marketdata.config import Config
from services.marketdata.engine import create
from tests.services.marketdata.flows import Flow, play, sides

NONE = (0, SideOrigin.NONE)
REPORTED = SideOrigin.REPORTED
QUOTE = SideOrigin.QUOTE_RULE
TICK = SideOrigin.TICK_RULE


def completed(flow: Flow, trade_side: str = "lee_ready") -> list[tuple[int, int]]:
    """Sides and origins of the trades of a flow."""
    return sides(play(create(Config(trade_side=trade_side)), flow.records()))  # type: ignore[arg-type]


def test_what_the_file_reports_stands() -> None:
    """A reported side is passed on against quotes and ticks alike, and its origin is recorded."""
    flow = Flow("A.X").quote(0, 99, 101).trade(1, 101, side=-1).trade(2, 102, side=-1, side_origin=1)

    assert completed(flow) == [(-1, REPORTED), (-1, REPORTED)]


def test_a_side_reported_as_none_is_left_alone() -> None:
    """A venue that says there was no aggressor, as in an auction, is believed."""
    assert completed(Flow("A.X").quote(0, 99, 101).trade(1, 101, side_origin=1)) == [(0, REPORTED)]


def test_the_tick_rule_follows_the_last_price_change() -> None:
    """Up is a buyer, down a seller, no change as before; until the first change nothing is invented."""
    # price   5     5     6          6          4           4           7
    flow = Flow("A.X").trade(1, 5).trade(2, 5).trade(3, 6).trade(4, 6).trade(5, 4).trade(6, 4).trade(7, 7)

    assert completed(flow) == [NONE, NONE, (1, TICK), (1, TICK), (-1, TICK), (-1, TICK), (1, TICK)]


def test_every_trade_moves_the_tick_rule() -> None:
    """Trades whose side was reported or came from a quote count as price changes like any other."""
    flow = Flow("A.X").trade(1, 5).trade(2, 6, side=-1).trade(3, 6)

    assert completed(flow) == [NONE, (-1, REPORTED), (1, TICK)]


def test_instruments_do_not_mix() -> None:
    """Each instrument has its own last price and its own quotes."""
    flow = Flow("A.X", "B.X").quote(0, 1, 2, row=1).trade(1, 5).trade(2, 9, row=1).trade(3, 4, row=0)

    assert completed(flow) == [NONE, (1, QUOTE), (-1, TICK)]


@pytest.mark.parametrize(
    ("price", "expected"),
    [(101, (1, QUOTE)), (100.01, (1, QUOTE)), (99.99, (-1, QUOTE)), (90, (-1, QUOTE)), (100, (1, TICK))],
)
def test_the_quote_rule_signs_by_the_mid_price(price: float, expected: tuple[int, int]) -> None:
    """Above the mid-price a buyer, below a seller; at it the tick rule decides."""
    flow = Flow("A.X").trade(1, 80).quote(2, 99, 101).trade(3, price)

    assert completed(flow)[1] == expected


def test_at_the_mid_price_without_a_price_change_there_is_no_side() -> None:
    """Both rules silent: none."""
    assert completed(Flow("A.X").quote(0, 99, 101).trade(1, 100)) == [NONE]


def test_a_quote_counts_only_strictly_before_the_trade() -> None:
    """A quote with the trade's own ``ts_event`` may be its consequence: the one before it counts."""
    # quotes  99/101 at 1 | 103/105 at 2
    # trade                 102 at 2: above the first mid-price, below the second
    flow = Flow("A.X").quote(1, 99, 101).quote(2, 103, 105).trade(2, 102).trade(2.1, 102)

    assert completed(flow) == [(1, QUOTE), (-1, QUOTE)]


def test_of_quotes_with_one_time_the_last_counts() -> None:
    """Several quotes of one instant are one change of the book."""
    flow = Flow("A.X").quote(1, 99, 101).quote(1, 103, 105).trade(2, 102)

    assert completed(flow) == [(-1, QUOTE)]


def test_a_quote_without_both_sides_has_no_mid_price() -> None:
    """The last quote before the trade decides, also by having no mid-price; no older one is taken."""
    flow = Flow("A.X").quote(1, 99, 101).quote(2, 99, 0).trade(3, 101).trade(4, 102)

    assert completed(flow) == [NONE, (1, TICK)]


def test_a_late_trade_is_held_against_the_quote_of_its_time() -> None:
    """A trade received after newer quotes is signed by the older one, as in a packet of many changes."""
    # quotes     99/101 at 1 | 103/105 at 3, 4, 5, 6, 7, 8, 9
    # trades     102 at 2, received at 10 | 102 at 0.5, before all quotes
    flow = Flow("A.X").quote(1, 99, 101)
    for at in range(3, 10):
        flow.quote(at, 103, 105)
    flow.trade(2, 102, seen=10).trade(0.5, 102, seen=10)

    assert completed(flow) == [(1, QUOTE), NONE]


def test_a_trade_older_than_all_quotes_kept_has_none() -> None:
    """Eight quotes of different times are kept; what stood before them is not known any more."""
    flow = Flow("A.X").quote(1, 99, 101)
    for at in range(3, 11):
        flow.quote(at, 103, 105).quote(at, 103, 105)
    flow.trade(2, 102, seen=11)

    assert completed(flow) == [NONE]


def test_a_late_quote_takes_its_place() -> None:
    """A quote received late stands between those of its time, and replaces one of the same time."""
    flow = Flow("A.X").quote(1, 90, 92).quote(5, 103, 105).quote(3, 90, 92, seen=6).quote(3, 99, 101, seen=6)
    flow.trade(4, 100.5, seen=6).trade(2, 100.5, seen=6).trade(6, 103.5)

    assert completed(flow) == [(1, QUOTE), (1, QUOTE), (-1, QUOTE)]


def test_rules_can_be_narrowed() -> None:
    """``tick_rule`` looks at no quote, ``reported`` infers nothing."""
    flow = Flow("A.X").quote(0, 99, 101).trade(1, 100).trade(2, 98).trade(3, 97, side=1)

    assert completed(flow, "lee_ready") == [NONE, (-1, QUOTE), (1, REPORTED)]
    assert completed(flow, "tick_rule") == [NONE, (-1, TICK), (1, REPORTED)]
    assert completed(flow, "reported") == [NONE, NONE, (1, REPORTED)]
