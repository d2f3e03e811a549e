"""Captures of four venues: what is known of them, and what becomes of a message that is lost on the way."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.record_codes import BookReason, BookState, Flag, SideOrigin
from bus.records import Records
from services.marketdata.adapter.live.settings import Venue
from tests.services.marketdata.adapter.live.books import Books, Said
from tests.services.marketdata.adapter.live.captures import SYMBOLS, Message, Player, captured, settings
from tests.services.marketdata.adapter.live.venues import disturbed, play, rows, true_venue

WHOLE: Said = (BookState.LIVE, BookReason.SNAPSHOT)
AWAITED: Said = (BookState.SYNCING, BookReason.SNAPSHOT)
GAP: Said = (BookState.STALE, BookReason.GAP)
CHECKSUM: Said = (BookState.STALE, BookReason.CHECKSUM)
LOST: Said = (BookState.STALE, BookReason.DISCONNECTED)

VENUES: tuple[Venue, ...] = ("binance", "binance_futures", "coinbase", "kraken")


def replayed(market_data: Path, venue: Venue) -> tuple[Player, Books, Records]:
    """A capture as it is."""
    player = Player(settings(venue, ("book", "trade", "quote")))
    records = player.play(captured(market_data, venue))
    return player, Books().apply(records), records


@pytest.mark.parametrize("venue", VENUES)
def test_an_undisturbed_capture_gives_the_true_books(market_data: Path, venue: Venue) -> None:
    """Every book is whole after one snapshot, never crossed, and at the end the one made by plain dicts."""
    truth = true_venue(venue, messages := captured(market_data, venue))
    for message in messages:
        truth.advance(message)

    player, books, _ = replayed(market_data, venue)

    assert player.session.n_losses == 0
    assert player.session.is_whole
    assert books.n_crossed == 0
    assert books.names == [f"{symbol}.{venue.upper()}" for symbol in SYMBOLS[venue]]
    for symbol, row in rows(venue).items():
        assert books.said[row] == [AWAITED, WHOLE]
        assert books.of(row) == truth.levels(symbol)


def test_binance_spot_joins_its_snapshots_as_documented(market_data: Path) -> None:
    """Each first event brackets the id after the snapshot's; 168 follow, 5 are dropped, none is missing."""
    messages = captured(market_data, "binance")
    snapshots = {
        message.fetched: msgspec.json.decode(message.data)["lastUpdateId"]
        for message in messages
        if message.fetched
    }
    assert list(snapshots.values()) == [499869752, 281916627, 259345543, 15602511]
    events = [event for message in messages if (event := _depth(message))]
    following = [event for event in events if event["u"] > snapshots[event["s"]]]
    firsts = {event["s"]: event for event in reversed(following)}
    assert all(event["U"] <= snapshots[name] + 1 <= event["u"] for name, event in firsts.items())
    # four of the 172 that follow are the first of their book: 168 continue another one
    assert (len(following) - len(firsts), len(events) - len(following)) == (168, 5)

    player, books, _ = replayed(market_data, "binance")

    assert [fetch.symbol for fetch in player.fetches] == list(snapshots)
    assert sum(books.n_messages.values()) == len(following) + len(snapshots)


def test_binance_futures_are_joined_by_the_id_of_the_event_before(market_data: Path) -> None:
    """Ids have holes and ``pu`` has none; trades have the side of the taker; quotes are the venue's own."""
    player, _, records = replayed(market_data, "binance_futures")

    assert len(player.fetches) == 4
    assert (len(records.trade), len(records.quote)) == (91, 613)
    assert set(records.trade["side_origin"]) == {SideOrigin.REPORTED}
    first = records.trade[0]  # the capture: p 1.01100, q 10, m false, T 1626992741421
    assert (first["price"], first["size"], first["aggressor_side"]) == (1_011_000_000, 1_000_000_000, 1)
    assert first["ts_event"] == 1_626_992_741_421_000_000
    assert all(Flag(int(flags)) & Flag.LAST for flags in records.trade["flags"])


def test_coinbase_replays_every_change(market_data: Path) -> None:
    """9,719 updates, 97 trades with the taker's side, and the ticker shows the book's best in 100 of 107."""
    player = Player(settings("coinbase"))
    books = Books()
    agreed = n_tickers = 0
    for message in captured(market_data, "coinbase"):
        books.apply(player.play([message]))
        data = msgspec.json.decode(message.data)
        if data["type"] == "ticker":
            shown = tuple(round(float(data[name]) * 1e9) for name in ("best_bid", "best_ask"))
            agreed += books.best(rows("coinbase")[data["product_id"]]) == shown
            n_tickers += 1

    assert sum(books.n_messages.values()) == 9_719 + 10
    assert (agreed, n_tickers) == (100, 107)


def test_coinbase_tells_the_side_that_took(market_data: Path) -> None:
    """A match at a resting sell order is a buyer's trade; the last one before the subscription is no news."""
    _, _, records = replayed(market_data, "coinbase")

    assert len(records.trade) == 97
    first = records.trade[0]  # the capture: side sell, size 985, price 0.00001305, 16:43:37.089723
    assert (first["price"], first["size"], first["aggressor_side"]) == (13_050, 98_500_000_000, 1)
    assert first["ts_event"] == 1_618_677_817_089_723_000


def test_kraken_checksums_all_agree(market_data: Path) -> None:
    """4,279 book messages hold 4,269 checksums, and all of them agree with the book cut to its depth."""
    messages = [message for message in captured(market_data, "kraken") if message.data.startswith(b"[")]
    assert (len(messages), sum(b'"c":"' in message.data for message in messages)) == (4_279, 4_269)

    player, books, _ = replayed(market_data, "kraken")

    assert player.session.n_losses == 0
    assert sum(books.n_messages.values()) == 4_279
    assert all(len(side) <= 1_000 for row in range(10) for side in books.of(row).values())


@pytest.mark.parametrize("lag", [0, 3, 30])
@pytest.mark.parametrize("how", ["dropped", "doubled", "swapped"])
@pytest.mark.parametrize("venue", ["binance", "binance_futures"])
def test_binance_tells_every_gap_and_is_whole_again(
    market_data: Path, venue: Venue, how: str, lag: int
) -> None:
    """A depth event that is dropped, doubled or swapped is a told gap, which a new snapshot mends."""
    symbol = SYMBOLS[venue][0]
    messages = captured(market_data, venue)
    places = [place for place, message in enumerate(messages) if _depth(message).get("s") == symbol]

    books = _spoilt(messages, (places[40], places[41]), how, venue, lag)

    # a spot snapshot between two events that changed places makes the second one late once more
    n_losses = 2 if (how, venue, lag) == ("swapped", "binance", 0) else 1
    assert books.said[0] == [AWAITED, WHOLE] + [GAP, AWAITED, WHOLE] * n_losses
    assert all(books.said[row] == [AWAITED, WHOLE] for row in (1, 2, 3))


@pytest.mark.parametrize("lag", [30, 200])
@pytest.mark.parametrize("how", ["dropped", "swapped", "doubled"])
def test_kraken_tells_what_the_checksum_contradicts(market_data: Path, how: str, lag: int) -> None:
    """A message that is dropped or swapped contradicts the next checksum, one that comes again is a gap."""
    messages = captured(market_data, "kraken")
    ours = [place for place, message in enumerate(messages) if b'"ADA/XBT"]' in message.data]
    places = [place for place in ours if b'"c"' in messages[place].data]
    victims = _telling(messages, ours, places[30:])

    books = _spoilt(messages, victims, how, "kraken", lag)

    row = rows("kraken")["ADA/XBT"]
    assert books.said[row] == [AWAITED, WHOLE, GAP if how == "doubled" else CHECKSUM, AWAITED, WHOLE]


@pytest.mark.parametrize("how", ["doubled", "swapped"])
def test_coinbase_tells_what_comes_again_or_too_late(market_data: Path, how: str) -> None:
    """An update that comes again, or whose time lies before the one before it, is a told gap."""
    messages = captured(market_data, "coinbase")
    places = [place for place, message in enumerate(messages) if _is_update(message, "SKL-USD")]
    times = {place: msgspec.json.decode(messages[place].data)["time"] for place in places}
    pairs = pairwise(places[50:])
    victims = next(pair for pair in pairs if times[pair[0]] < times[pair[1]])

    books = _spoilt(messages, victims, how, "coinbase", 5)

    assert books.said[0] == [AWAITED, WHOLE, GAP, AWAITED, WHOLE]


@pytest.mark.parametrize("how", ["dropped", "doubled", "swapped"])
def test_coinbase_tells_a_gap_of_its_matches(market_data: Path, how: str) -> None:
    """Matches are numbered: one that is missing, again or late is a gap, and none is given twice."""
    messages = captured(market_data, "coinbase")
    places = [place for place, message in enumerate(messages) if _is_match(message, "SKL-USD")]
    player = Player(settings("coinbase"))
    truth = true_venue("coinbase", messages)

    play(player, truth, disturbed(messages, (places[3], places[4]), how), lag=1)

    records = player.writer.take()
    books = Books().apply(records)
    assert GAP in books.said[0]
    assert books.said[0][-1] == WHOLE
    assert books.of(0) == truth.levels("SKL-USD")
    assert len(records.trade) == {"dropped": 96, "doubled": 97, "swapped": 96}[how]


def test_coinbase_cannot_tell_a_dropped_update(market_data: Path) -> None:
    """An update without a number that is left out leaves no trace: what the docstring says of it is true."""
    messages = captured(market_data, "coinbase")
    places = [place for place, message in enumerate(messages) if _is_update(message, "SKL-USD")]
    player = Player(settings("coinbase"))

    play(player, true_venue("coinbase", messages), disturbed(messages, (places[50], places[51]), "dropped"))

    assert player.session.n_losses == 0


@pytest.mark.parametrize("venue", VENUES)
def test_a_lost_socket_is_told_and_mended(market_data: Path, venue: Venue) -> None:
    """All books are stale when the socket is gone, and the true ones after the snapshots of the next."""
    messages = captured(market_data, venue)
    middle = len(messages) * 2 // 3
    player = Player(settings(venue))
    truth = true_venue(venue, messages)
    play(player, truth, [(message, [message]) for message in messages[:middle]])
    player.session.closed(messages[middle].time)
    for message in messages[middle : middle + 50]:
        truth.advance(message)
    n_answered = len(player.actions)
    player.reopen(messages[middle + 50].time)
    rest = [(message, [message]) for message in messages[middle + 50 :]]
    play(player, truth, rest, lag=1, n_answered=n_answered)

    books = Books().apply(player.writer.take())

    for symbol, row in rows(venue).items():
        assert books.said[row][:4] == [AWAITED, WHOLE, LOST, AWAITED]
        if books.said[row][4:]:
            assert books.said[row][4:] == [WHOLE]
            assert books.of(row) == truth.levels(symbol)
    assert books.said[0][4:] == [WHOLE]


def _spoilt(messages: Sequence[Message], victims: tuple[int, int], how: str, venue: Venue, lag: int) -> Books:
    """Books of a disturbed capture, which end as the true ones."""
    player = Player(settings(venue))
    truth = true_venue(venue, messages)
    play(player, truth, disturbed(messages, victims, how), lag)
    books = Books().apply(player.writer.take())
    for symbol, row in rows(venue).items():
        assert books.of(row) == truth.levels(symbol)
    return books


def _telling(messages: Sequence[Message], ours: list[int], places: list[int]) -> tuple[int, int]:
    """The first two consecutive messages of which each alone contradicts the other's checksum."""
    for first, second in pairwise(places):
        truth = true_venue("kraken", messages)
        for place in ours[: ours.index(first)]:
            truth.advance(messages[place])
        truth.advance(messages[second])
        if _checksum(truth.books["ADA/XBT"]) != msgspec.json.decode(messages[second].data)[-3]["c"]:
            return first, second
    pytest.fail("expected two messages that change the best levels, found none")


def _checksum(book: tuple[dict[str, str], dict[str, str]]) -> str:
    bids, asks = book
    best = sorted(asks.items(), key=lambda level: float(level[0]))[:10]
    best += sorted(bids.items(), key=lambda level: -float(level[0]))[:10]
    digits = "".join(text.replace(".", "").lstrip("0") for level in best for text in level)
    return str(zlib.crc32(digits.encode()))


def _depth(message: Message) -> dict[str, Any]:
    if message.fetched or b"depthUpdate" not in message.data:
        return {}
    event: dict[str, Any] = msgspec.json.decode(message.data)["data"]
    return event


def _is_update(message: Message, product: str) -> bool:
    return message.data.startswith(b'{"type":"l2update"') and f'"{product}"'.encode() in message.data


def _is_match(message: Message, product: str) -> bool:
    return message.data.startswith(b'{"type":"match"') and f'"{product}"'.encode() in message.data
