"""Kraken's rules, message by message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.record_codes import BookReason, BookState, Flag
from services.marketdata.adapter.live.actions import RefusedError
from services.marketdata.adapter.live.checked_book import CheckedBook
from services.marketdata.adapter.live.settings import LiveSettings
from shared.errors import DataError
from tests.services.marketdata.adapter.live.books import Books
from tests.services.marketdata.adapter.live.captures import Message, Player

TIME = "1534614057.321597"


def player() -> Player:
    """A session of one pair with ten levels."""
    settings = LiveSettings(
        venue="kraken", symbols=("XBT/USD",), channels=("book", "trade", "quote"), depth=10
    )
    return Player(settings)


def message(payload: Any, name: str = "book-10") -> Message:
    """A message of one of the pair's channels."""
    return Message(5, msgspec.json.encode([0, payload, name, "XBT/USD"]))


def whole(n_bids: int = 10) -> Message:
    """A snapshot with bids from 100 downwards."""
    bids = [[f"{100 - place}.0", "1.50000000", TIME] for place in range(n_bids)]
    return message({"as": [["101.0", "2.00000000", TIME]], "bs": bids})


def test_the_checksum_is_that_of_the_venues_documentation() -> None:
    """The example of Kraken's documentation: ten levels a side, all of size 0.00000500, give 974947235."""
    book = CheckedBook(10)
    asks = [f"{5005 + 5 * place}" for place in range(10)]
    bids = ["05000", "04995", "04990", "04980", "04975", "04970", "04965", "04960", "04955", "04950"]
    for digits in asks:
        book.set(-1, int(digits), 500, (f"0.0{digits}", "0.00000500"))
    for digits in bids:
        book.set(1, int(digits), 500, (f"0.{digits}", "0.00000500"))
    assert book.checksum() == 974_947_235
    assert len(book) == 20


def test_levels_beyond_the_depth_are_removed_in_the_records_too() -> None:
    """A new level pushes the last one out: it gets size 0 in the same message, which ends with it."""
    session = player()
    records = session.play([whole(), message({"b": [["100.5", "1.00000000", TIME]]})])
    assert [record[3:] for record in records["level"][-2:].tolist()] == [
        (100_500_000_000, 100_000_000, 0, 0, 4, 1),
        (91_000_000_000, 0, 0, Flag.LAST, 4, 1),
    ]
    assert len(Books().apply(records).of(0)[1]) == 10


def test_a_contradicted_checksum_is_told_and_the_pair_subscribed_anew() -> None:
    """The message is not given, the book is stale, and what comes before the new snapshot is passed over."""
    session = player()
    wrong = message({"b": [["99.5", "1.00000000", TIME]], "c": "1"})
    records = session.play([whole(), wrong, message({"b": [["98.5", "1.00000000", TIME]]}), whole(3)])

    books = Books().apply(records)
    assert books.said[0] == [
        (BookState.SYNCING, BookReason.SNAPSHOT),
        (BookState.LIVE, BookReason.SNAPSHOT),
        (BookState.STALE, BookReason.CHECKSUM),
        (BookState.SYNCING, BookReason.SNAPSHOT),
        (BookState.LIVE, BookReason.SNAPSHOT),
    ]
    assert len(books.of(0)[1]) == 3
    book = {"depth": 10, "name": "book"}
    assert session.sent[-2:] == [
        {"event": verb, "pair": ["XBT/USD"], "subscription": book} for verb in ("unsubscribe", "subscribe")
    ]


def test_trades_of_one_message_end_together() -> None:
    """The documentation's two trades: ``s`` is a seller who took, and only the second ends what happened."""
    trades = [
        ["5541.20000", "0.15850568", TIME, "s", "l", ""],
        ["6060.00000", "0.02455000", "1534614057.324998", "b", "l", ""],
    ]
    records = player().play([message(trades, "trade")])
    assert [record[1:] for record in records.trade.tolist()] == [
        (1_534_614_057_321_597_000, 5, 5_541_200_000_000, 15_850_568, 0, -1, 1, 0),
        (1_534_614_057_324_998_000, 5, 6_060_000_000_000, 2_455_000, 0, 1, 1, Flag.LAST),
    ]


def test_a_spread_is_a_quote() -> None:
    """The documentation's spread: bid, ask, time, and the sizes of both."""
    spread = ["5698.40000", "5700.00000", "1542057299.545897", "1.01234567", "0.98765432"]
    ((_, *found),) = player().play([message(spread, "spread")]).quote.tolist()
    assert found[0] == 1_542_057_299_545_897_000
    assert found[2:6] == [5_698_400_000_000, 5_700_000_000_000, 101_234_567, 98_765_432]


def test_a_price_that_no_record_can_hold_is_left_out() -> None:
    """An ask at 9,999,999,997 stands in the checksum's book, is counted, and is no record."""
    session = player()
    asks = [["101.0", "2.00000000", TIME], ["9999999997.00000", "1.00000000", TIME]]
    records = session.play([message({"as": asks, "bs": []})])
    assert Books().apply(records).of(0)[-1] == {101_000_000_000: 200_000_000}
    assert session.session.n_beyond == 1


def test_what_is_no_message_of_the_venue_is_an_error() -> None:
    """A refusal, an unknown pair, a side that is none and a broken text are told with what to do."""
    with pytest.raises(RefusedError, match="got the answer 'No such pair'"):
        player().play(
            [
                Message(
                    1,
                    b'{"event":"subscriptionStatus","status":"error","errorMessage":"No such pair"}',
                )
            ]
        )
    with pytest.raises(DataError, match="expected one of XBT/USD, found 'ETH/USD'"):
        player().play([Message(1, b'[0,{"b":[]},"book-10","ETH/USD"]')])
    with pytest.raises(DataError, match="kraken: expected a message of its channels"):
        player().play([message([["1", "1", TIME, "x", "l", ""]], "trade")])
    with pytest.raises(DataError, match="expected at least 4 parts, found 2"):
        player().play([Message(1, b'[0,"XBT/USD"]')])
    with pytest.raises(DataError, match="expected snapshots on the socket"):
        player().play([Message(1, b"{}", "XBT/USD")])


def test_signs_of_life_give_nothing() -> None:
    """Heartbeats and acknowledgements give no record."""
    flow = [b'{"event":"heartbeat"}', b'{"event":"systemStatus","status":"online","connectionID":1}']
    records = player().play([Message(1, data) for data in flow])
    assert set(dict(records)) == {"instrument", "book_state"}
