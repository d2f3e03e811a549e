"""Books as marketdata shows them: state, best prices and ten levels, after each event, not within one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BookAction, BookReason, BookState, Flag
from bus.records import Records
from services.marketdata.config import Config
from services.marketdata.engine import MarketData, create
from shared import state as states
from shared.errors import ConstraintError
from tests.services.marketdata.flows import SECOND, Flow, in_order, kinds_of, play, same_bytes

PRICES = (97.0, 98.0, 99.0, 100.0, 101.0, 102.0)


def engine(**settings: Any) -> MarketData:
    """An engine without bars, with these settings."""
    return create(Config(**{"bars": (), "clock_idle_seconds": 1, **settings}))


def told(said: Records) -> list[tuple[Any, ...]]:
    """What was said of books: states by name, quotes as price and size of both sides, levels as counts."""
    found: list[tuple[Any, ...]] = []
    for kind, record in in_order(said):
        if kind == "book_state":
            state, reason = BookState(record["state"]), BookReason(record["state_reason"])
            found.append((state.name, reason.name))
        elif kind == "quote":
            bid, ask = record["bid_price"] / 1e9, record["ask_price"] / 1e9
            found.append((bid, int(record["bid_size"]), ask, int(record["ask_size"])))
        elif kind == "depth10":
            found.append((int(record["n_bids"]), int(record["n_asks"])))
    return found


def test_a_snapshot_makes_a_book() -> None:
    """State, quote and levels come in this order, once, at its last record."""
    said = play(engine(), Flow("A.X").snapshot(1, (99, 5), (98, 3), (101, 7)).records())

    assert kinds_of(said).replace("c", "") == "isqd"
    assert told(said) == [("LIVE", "SNAPSHOT"), (99.0, 5, 101.0, 7), (2, 1)]
    depth = said["depth10"][0]
    assert depth["bid_prices"].tolist()[:3] == [99_000_000_000, 98_000_000_000, 0]
    assert depth["bid_sizes"].tolist()[:3] == [5, 3, 0]
    assert depth["ask_prices"].tolist()[:2] == [101_000_000_000, 0]
    assert {int(record["ts_event"]) for kind, record in in_order(said) if kind != "instrument"} == {SECOND}


def test_a_book_is_not_looked_at_within_an_event() -> None:
    """What stands there for a moment only is never published."""
    feed = Flow("A.X").snapshot(1, (99, 5), (101, 7))
    feed.level(2, 99, 0, flags=0).level(2, 101, 9, flags=0).level(2, 99, 5).level(3, 101, 7)
    said = play(engine(), feed.records())

    assert told(said)[3:] == [(99.0, 5, 101.0, 9), (1, 1), (99.0, 5, 101.0, 7), (1, 1)]


def test_what_is_no_news_is_not_said() -> None:
    """A change behind the best is levels alone; one behind the tenth level, or none, is nothing."""
    levels = [(99.0 - n, 5) for n in range(11)] + [(101.0, 7)]
    feed = Flow("A.X").snapshot(1, *levels)
    feed.level(2, 95, 6).level(3, 88, 9).level(4, 99, 5)
    said = play(engine(), feed.records())

    assert kinds_of(said).replace("c", "") == "isqdd"
    assert said["depth10"][1]["bid_sizes"].tolist()[4] == 6


def test_orders_make_a_book_too() -> None:
    """A book that is said to be empty is whole; orders then add up to levels."""
    feed = Flow("A.X").order(1, BookAction.CLEAR, 0)
    feed.order(2, BookAction.ADD, 1, 99, 5).order(2, BookAction.ADD, 2, 99, 4).order(
        3, BookAction.ADD, 3, 101, 1
    )
    feed.order(4, BookAction.CANCEL, 1, 99, 2).order(5, BookAction.MODIFY, 2, 98, 4)
    said = play(engine(depth_seconds=None), feed.records())

    assert told(said) == [
        ("LIVE", "SNAPSHOT"),
        *((99.0, 5, 0.0, 0), (99.0, 9, 0.0, 0), (99.0, 9, 101.0, 1)),
        *((99.0, 7, 101.0, 1), (99.0, 3, 101.0, 1)),
    ]


def test_a_book_of_which_the_beginning_is_missing_is_syncing() -> None:
    """Without a snapshot nothing is shown but that it is not whole."""
    said = play(engine(), Flow("A.X").level(1, 99, 5).level(2, 101, 5).records())

    assert told(said) == [("SYNCING", "START")]


def test_a_crossed_book_says_so() -> None:
    """Its quotes are flagged; when it is no longer crossed it is live."""
    feed = Flow("A.X").snapshot(1, (99, 5), (101, 7)).level(2, 101, 3, side=1).level(3, 101, 0, side=1)
    said = play(engine(depth_seconds=None), feed.records())

    assert told(said)[2:] == [
        ("CROSSED", "CROSSED"),
        (101.0, 3, 101.0, 7),
        ("LIVE", "NONE"),
        (99.0, 5, 101.0, 7),
    ]
    assert [int(quote["flags"]) for quote in said.quote] == [0, Flag.CROSSED, 0]


def test_an_impossible_change_makes_a_book_stale() -> None:
    """It shows nothing until it is whole again."""
    feed = Flow("A.X").order(1, BookAction.CLEAR, 0).order(2, BookAction.ADD, 1, 99, 5)
    feed.order(3, BookAction.CANCEL, 7, 99, 1).order(4, BookAction.ADD, 2, 99.5, 5)
    feed.order(5, BookAction.CLEAR, 0, flags=Flag.SNAPSHOT)
    feed.order(5, BookAction.ADD, 3, 98, 1, flags=Flag.SNAPSHOT | Flag.LAST)
    said = play(engine(depth_seconds=None), feed.records())

    assert told(said) == [
        ("LIVE", "SNAPSHOT"),
        (99.0, 5, 0.0, 0),
        ("STALE", "UNKNOWN_ORDER"),
        ("LIVE", "SNAPSHOT"),
        (98.0, 1, 0.0, 0),
    ]


def test_what_the_feed_knows_of_a_book_is_passed_on() -> None:
    """Stale by a gap, syncing while a snapshot is awaited, live after it; what comes between is not shown."""
    feed = Flow("A.X").snapshot(1, (99, 5), (101, 7)).state(2, BookState.STALE, BookReason.GAP)
    feed.state(2, BookState.STALE, BookReason.GAP).level(3, 99, 1)
    feed.state(4, BookState.SYNCING, BookReason.SNAPSHOT).snapshot(5, (98, 2), (101, 7))
    said = play(engine(depth_seconds=None), feed.records())

    assert told(said)[2:] == [
        ("STALE", "GAP"),
        ("SYNCING", "SNAPSHOT"),
        ("LIVE", "SNAPSHOT"),
        (98.0, 2, 101.0, 7),
    ]


def test_levels_can_be_shown_less_often() -> None:
    """The first at once, then no closer than the setting; a clock shows what was held back."""
    feed = Flow("A.X").snapshot(1.1, (99, 5), (101, 7))
    feed.level(1.2, 99, 6).level(1.65, 99, 7).level(1.7, 99, 8).level(5.0, 102, 1)
    said = play(engine(depth_seconds=0.5), feed.records())

    shown = [(int(one["ts_init"]) / SECOND, int(one["bid_sizes"][0])) for one in said["depth10"]]
    assert shown == [(1.1, 5), (1.65, 7), (2.0, 8), (5.0, 8)]
    held_back = said["depth10"][2]
    assert (int(held_back["ts_event"]), int(held_back["ts_init"])) == (1_700_000_000, 2 * SECOND)
    assert len(play(engine(depth_seconds=None), feed.records())["depth10"]) == 0


def test_books_of_several_instruments_are_apart() -> None:
    """Each has its own state, quote and levels."""
    feed = Flow("A.X", "B.X").snapshot(1, (99, 5), row=0).snapshot(1, (98, 4), (100, 1), row=1)
    said = play(engine(), feed.level(2, 99, 0, row=0).records())

    assert [(int(one["instrument"]), int(one["bid_price"])) for one in said.quote] == [
        (0, 99_000_000_000),
        (1, 98_000_000_000),
        (0, 0),
    ]


def test_books_are_counted() -> None:
    """How many there are, and how many of them are stale."""
    market = engine()
    feed = Flow("A.X", "B.X", "C.X").snapshot(1, (99, 5), row=0).snapshot(1, (99, 5), row=1)
    play(market, feed.state(2, BookState.STALE, BookReason.CHECKSUM, row=1).records())

    measured = market.measure()
    assert measured["knotmeter_marketdata_books"] == 2
    assert measured["knotmeter_marketdata_stale_books"] == 1


@pytest.mark.parametrize(
    ("feed", "expected"),
    [
        (Flow("A.X").level(1, 99, 1, action=BookAction.ADD), "`level.action`: expected of an order 0 to 3"),
        (Flow("A.X").level(1, 99, -1), "`level.size`: expected 0 to"),
        (Flow("A.X").level(1, 99, 1, side=2), r"`level.side`: expected \+1 for a bid or -1 for an ask"),
        (Flow("A.X").order(1, BookAction.SET, 1, 99, 1), "`order.action`: expected"),
        (Flow("A.X").level(1, 99, 1, row=3), "`level.instrument`: expected a row"),
        (
            Flow("A.X").state(1, 9, BookReason.GAP),  # type: ignore[arg-type]
            "`book_state.state`: expected a state",
        ),
    ],
)
def test_what_is_no_book_record_is_refused(feed: Flow, expected: str) -> None:
    """The message names field, expectation and place; the state is as before."""
    market = engine()
    before = states.encode(market.state)
    with pytest.raises(ConstraintError, match=expected):
        market.on_records(feed.records())
    assert states.encode(market.state) == before


@st.composite
def feeds(draw: st.DrawFn) -> Records:
    """Levels, snapshots, states and orders of two instruments, in any order."""
    feed = Flow("A.X", "B.X")
    for at in range(1, draw(st.integers(2, 30))):
        row = draw(st.integers(0, 1))
        price, size = draw(st.sampled_from(PRICES)), draw(st.integers(0, 3))
        match draw(st.integers(0, 5)):
            case 0:
                feed.snapshot(at / 3, (98.0, 1 + size), (price, 1), row=row)
            case 1:
                reason = draw(st.sampled_from([BookReason.GAP, BookReason.CHECKSUM]))
                feed.state(at / 3, BookState.STALE, reason, row)
            case 2:
                action = draw(st.sampled_from([BookAction.ADD, BookAction.CANCEL, BookAction.MODIFY]))
                feed.order(at / 3, action, draw(st.integers(1, 3)), price, size, row=row)
            case _:
                flags = draw(st.sampled_from([Flag.LAST, Flag(0)]))
                feed.level(at / 3, price, size, row=row, flags=flags, side=draw(st.sampled_from([0, 1, -1])))
    return feed.records()


@given(feeds(), st.lists(st.integers(1, 9)), st.sampled_from([0.0, 0.4, None]))
def test_how_a_feed_is_cut_leaves_no_trace(feed: Records, lengths: list[int], gap: float | None) -> None:
    """The same records and the same state, for slices of any length, and over a restore after each."""
    whole = engine(depth_seconds=gap)
    expected = play(whole, feed)
    parts: list[Records] = []
    market, base, rest = engine(depth_seconds=gap), 0, feed
    for length in [*lengths, len(feed)]:
        head, rest = rest.split_at_sequence(rest.first_sequence + length) if len(rest) else (rest, rest)
        if not len(head):
            break
        said = market.on_records(head)
        parts.append(said.numbered_from(base))
        base += len(said)
        restored = engine(depth_seconds=gap)
        restored.state = states.decode(states.encode(market.state), type(market.state))
        restored.instruments = copy.deepcopy(market.instruments)
        market = restored
    assert same_bytes(Records.joined(parts), expected)
    assert told(Records.joined(parts)) == told(expected)
