"""Binance's rules, message by message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.record_codes import BookReason, BookState, Flag
from services.marketdata.adapter.live.actions import RefusedError
from services.marketdata.adapter.live.settings import Channel, LiveSettings, Venue
from shared.errors import DataError
from tests.services.marketdata.adapter.live.books import Books
from tests.services.marketdata.adapter.live.captures import Message, Player

ALL: tuple[Channel, ...] = ("book", "trade", "quote")
AWAITED = (BookState.SYNCING, BookReason.SNAPSHOT)
WHOLE = (BookState.LIVE, BookReason.SNAPSHOT)
GAP = (BookState.STALE, BookReason.GAP)


def player(venue: Venue = "binance", **more: Any) -> Player:
    """A session of one instrument."""
    return Player(LiveSettings(venue=venue, symbols=("BTCUSDT",), channels=ALL, **more))


def event(first: int, last: int, previous: int | None = None, **sides: list[tuple[str, str]]) -> Message:
    """A depth event as it comes on a combined stream."""
    data: dict[str, Any] = {"e": "depthUpdate", "E": 7, "s": "BTCUSDT", "U": first, "u": last}
    data |= {"pu": previous} if previous is not None else {}
    data |= {"b": sides.get("bids", []), "a": sides.get("asks", [])}
    return Message(last, msgspec.json.encode({"stream": "btcusdt@depth@100ms", "data": data}))


def snapshot(last: int, *bids: tuple[str, str]) -> Message:
    """A snapshot that was fetched."""
    data = {"lastUpdateId": last, "bids": bids, "asks": [("101.5", "2")]}
    return Message(last, msgspec.json.encode(data), "BTCUSDT")


def test_a_snapshot_begins_with_clear_and_ends_with_last() -> None:
    """CLEAR, then all levels with SNAPSHOT, the last with LAST too; then the events kept, each ended."""
    session = player()
    records = session.play(
        [
            event(5, 6, bids=[("100", "9")]),
            event(7, 9, bids=[("100.5", "3"), ("99", "0")]),
            snapshot(6, ("100", "1")),
        ]
    )

    found = records["level"]
    whole, last = int(Flag.SNAPSHOT), int(Flag.LAST)
    assert found["flags"].tolist() == [whole, whole, whole | last, 0, last]
    assert found["action"].tolist() == [3, 4, 4, 4, 4]
    assert found["price"].tolist() == [0, 100_000_000_000, 101_500_000_000, 100_500_000_000, 99_000_000_000]
    assert found["size"].tolist() == [0, 100_000_000, 200_000_000, 300_000_000, 0]
    assert found["side"].tolist() == [0, 1, -1, 1, 1]
    assert found["ts_event"].tolist()[3:] == [7_000_000, 7_000_000]


def test_a_snapshot_older_than_the_first_event_is_fetched_again() -> None:
    """While the id after the snapshot's lies before the first event kept, another one is asked for."""
    session = player()
    records = session.play([event(10, 11), snapshot(7), snapshot(9), event(12, 12, bids=[("100", "1")])])

    assert [fetch.attempt for fetch in session.fetches] == [0, 1]
    books = Books().apply(records)
    assert books.said[0] == [AWAITED, WHOLE]
    assert books.of(0)[1] == {100_000_000_000: 100_000_000}


def test_a_futures_snapshot_has_to_lie_within_an_event() -> None:
    """In futures the first event reaches back to the snapshot's own id, and events follow by ``pu``."""
    session = player("binance_futures")
    flow = [event(10, 12, 4), event(20, 22, 12), snapshot(9), snapshot(21, ("100", "5"))]
    records = session.play([*flow, event(30, 31, 22, bids=[("100", "6")]), event(40, 41, 30)])

    assert len(session.fetches) == 3
    books = Books().apply(records)
    assert books.said[0] == [AWAITED, WHOLE, GAP, AWAITED]
    assert books.of(0)[1] == {100_000_000_000: 600_000_000}


def test_events_kept_are_bounded() -> None:
    """More events than may wait for a snapshot are a told gap, and no snapshot before them joins."""
    session = player(buffered_events=3)
    flow = [event(first, first) for first in range(1, 7)]
    records = session.play([*flow, snapshot(3), snapshot(6)])

    assert Books().apply(records).said[0] == [AWAITED, GAP, AWAITED, WHOLE]
    assert len(session.fetches) == 2


def test_a_late_event_changes_nothing_while_a_snapshot_is_awaited() -> None:
    """Of two events that changed places one is a told gap; the snapshot that joins the other holds it."""
    session = player()
    flow = [event(1, 1), snapshot(1), event(3, 3, bids=[("100", "2")]), event(2, 2, bids=[("100", "1")])]
    records = session.play([*flow, snapshot(2, ("100", "1"))])

    books = Books().apply(records)
    assert books.said[0] == [AWAITED, WHOLE, GAP, AWAITED, WHOLE]
    assert books.of(0)[1] == {100_000_000_000: 200_000_000}


@pytest.mark.parametrize("envelope", [True, False])
def test_trades_and_quotes_come_plain_or_in_an_envelope(envelope: bool) -> None:
    """``m`` says that the seller took, sizes count in 1e-8, a quote without a time has that of receipt."""
    trade = {
        "e": "aggTrade",
        "E": 8,
        "s": "BTCUSDT",
        "a": 3,
        "p": "0.00000638",
        "q": "177.5",
        "T": 9,
        "m": True,
    }
    quote = {"u": 400900217, "s": "BTCUSDT", "b": "25.35190000", "B": "31.21", "a": "25.3652", "A": "40.66"}
    flow = [_sent(trade, "aggTrade", envelope), _sent(quote, "bookTicker", envelope)]

    records = player().play(flow)

    (found,) = records.trade.tolist()
    assert found[1:] == (9_000_000, 5, 6_380, 17_750_000_000, 0, -1, 1, Flag.LAST)
    (shown,) = records.quote.tolist()
    assert shown[1:] == (5, 5, 25_351_900_000, 25_365_200_000, 3_121_000_000, 4_066_000_000, 0, Flag.LAST, 0)


def test_a_trade_that_comes_again_is_given_once() -> None:
    """A doubled or missing trade number is a told gap, and the trade that comes again is none."""
    trades = [
        _sent(
            {"e": "aggTrade", "s": "BTCUSDT", "a": a, "p": "1", "q": "1", "T": 9, "m": False},
            "aggTrade",
            True,
        )
        for a in (3, 4, 4, 5, 7)
    ]
    session = player()
    records = session.play(trades)
    assert len(records.trade) == 4
    assert session.session.n_losses == 2
    assert Books().apply(records).said[0] == [AWAITED, *[GAP, AWAITED] * 2]


def test_answers_and_other_streams_are_passed_over() -> None:
    """An acknowledgement and a stream that nobody asked for give no record."""
    flow = [Message(1, b'{"result":null,"id":1}'), _sent({"e": "kline", "s": "BTCUSDT"}, "kline_1m", True)]
    assert set(dict(player().play(flow))) == {"instrument", "book_state"}


def test_what_is_no_message_of_the_venue_is_an_error() -> None:
    """A refusal, an unknown instrument, a number that is none and a broken text are told with what to do."""
    refused = Message(1, b'{"error":{"code":2,"msg":"Invalid request"},"id":1}')
    with pytest.raises(
        RefusedError, match="binance: expected a subscription, got the answer '2 Invalid request'"
    ):
        player().play([refused])
    other = event(1, 2)
    with pytest.raises(DataError, match="expected one of BTCUSDT, found 'ETHUSDT'"):
        player().play([Message(1, other.data.replace(b"BTC", b"ETH").replace(b"btc", b"eth"))])
    with pytest.raises(DataError, match="expected a message of its streams, found"):
        player().play([Message(1, b'{"stream":"btcusdt@depth@100ms","data":{"e":1}}')])
    with pytest.raises(DataError, match="expected a decimal number from 0, found '-1'"):
        player().play([snapshot(1), event(1, 1), snapshot(1, ("-1", "1"))])
    with pytest.raises(DataError, match="expected a depth snapshot"):
        player().play([event(1, 1), Message(1, b"[]", "BTCUSDT")])


def _sent(data: dict[str, Any], stream: str, envelope: bool) -> Message:
    sent = {"stream": f"btcusdt@{stream}", "data": data} if envelope else data
    return Message(5, msgspec.json.encode(sent))
