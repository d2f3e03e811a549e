"""Coinbase's rules, message by message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.record_codes import BookReason, BookState, Flag
from services.marketdata.adapter.live.actions import RefusedError
from services.marketdata.adapter.live.settings import LiveSettings
from shared.errors import DataError
from tests.services.marketdata.adapter.live.books import Books
from tests.services.marketdata.adapter.live.captures import Message, Player

AWAITED = (BookState.SYNCING, BookReason.SNAPSHOT)
WHOLE = (BookState.LIVE, BookReason.SNAPSHOT)
GAP = (BookState.STALE, BookReason.GAP)


def player() -> Player:
    """A session of two products."""
    settings = LiveSettings(
        venue="coinbase", symbols=("BTC-USD", "ETH-USD"), channels=("book", "trade", "quote")
    )
    return Player(settings)


def message(type_: str, **fields: Any) -> Message:
    """A message of BTC-USD, unless another product is given."""
    return Message(5, msgspec.json.encode({"type": type_, "product_id": "BTC-USD", **fields}))


def update(size: str, microsecond: int, **more: Any) -> Message:
    """A change of the bid at 100."""
    time = f"2021-04-17T16:43:37.{microsecond:06}Z"
    return message("l2update", changes=[["buy", "100", size]], time=time, **more)


def test_a_numbered_connection_shows_every_loss() -> None:
    """Where messages carry a number of the connection, one left out or doubled is a gap of every book."""
    books = [
        message("snapshot", bids=[["100", "1"]], asks=[], product_id=name, sequence_num=place)
        for place, name in enumerate(("BTC-USD", "ETH-USD"))
    ]
    for numbers in ([2, 4], [2, 2]):
        session = player()
        flow = [update(str(place + 2), place, sequence_num=number) for place, number in enumerate(numbers)]
        found = Books().apply(session.play([*books, *flow]))
        assert found.said[0] == found.said[1] == [AWAITED, WHOLE, GAP, AWAITED]
        assert found.of(0)[1] == {100_000_000_000: 200_000_000}
    found = Books().apply(
        player().play([*books, update("2", 1, sequence_num=2), update("3", 2, sequence_num=3)])
    )
    assert found.said[0] == [AWAITED, WHOLE]


def test_a_product_is_subscribed_anew_after_a_gap() -> None:
    """The book alone is left and asked for again; updates before its snapshot are passed over."""
    session = player()
    whole = message("snapshot", bids=[["100", "1"]], asks=[])
    flow = [whole, update("2", 7), update("3", 6), update("4", 8), whole, update("5", 9)]
    books = Books().apply(session.play(flow))
    assert books.said[0] == [AWAITED, WHOLE, GAP, AWAITED, WHOLE]
    assert books.of(0)[1] == {100_000_000_000: 500_000_000}
    assert session.sent[-2:] == [
        {"type": verb, "product_ids": ["BTC-USD"], "channels": ["level2_batch"]}
        for verb in ("unsubscribe", "subscribe")
    ]


def test_a_ticker_is_a_quote_where_it_has_sizes() -> None:
    """Older tickers have no sizes, and none is invented."""
    time = "2021-04-17T16:43:37.000001Z"
    shown = {"best_bid": "100", "best_ask": "100.5", "time": time}
    sized = message("ticker", **shown, best_bid_size="1", best_ask_size="0.00000002")
    ((_, *found),) = player().play([message("ticker", **shown), sized]).quote.tolist()
    assert found == [
        *(1_618_677_817_000_001_000, 5, 100_000_000_000, 100_500_000_000, 100_000_000, 2, 0),
        *(Flag.LAST, 0),
    ]


def test_what_is_no_message_of_the_venue_is_an_error() -> None:
    """A refusal, an unknown product, a wrong side and a size too fine are told with what to do."""
    with pytest.raises(RefusedError, match="got the answer 'Failed to subscribe nothing there'"):
        player().play([message("error", message="Failed to subscribe", reason="nothing there")])
    with pytest.raises(DataError, match="expected one of BTC-USD, ETH-USD, found 'XRP-USD'"):
        player().play([message("snapshot", bids=[], asks=[], product_id="XRP-USD")])
    with pytest.raises(DataError, match="coinbase: expected a message of its channels"):
        player().play([message("l2update", changes=[["hold", "1", "1"]], time="2021-04-17T16:43:37Z")])
    with pytest.raises(DataError, match=r"expected a whole number of 1e-08, .* found '0.000000001'"):
        player().play([message("snapshot", bids=[["1", "0.000000001"]], asks=[])])
