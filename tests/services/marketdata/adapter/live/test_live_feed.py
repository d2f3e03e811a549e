"""The live feed against a venue on this machine that replays captures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.record_codes import BookReason, BookState
from services.marketdata.adapter.live import LiveFeed, LiveSettings
from services.marketdata.adapter.live.actions import RefusedError
from services.marketdata.adapter.live.settings import Venue
from shared.errors import ConstraintError, DataError
from tests.services.marketdata.adapter.live.books import Books
from tests.services.marketdata.adapter.live.captures import Message, captured, settings
from tests.services.marketdata.adapter.live.replay_server import ReplayServer
from tests.services.marketdata.adapter.live.test_captures import AWAITED, CHECKSUM, GAP, LOST, VENUES, WHOLE
from tests.services.marketdata.adapter.live.venues import rows

DEADLINE = 60.0
LIMIT = 1_000


def run(script: Coroutine[Any, Any, None]) -> None:
    """Run a script to its end, or to the deadline."""

    async def limited() -> None:
        async with asyncio.timeout(DEADLINE):
            await script

    asyncio.run(limited())


@asynccontextmanager
async def feeding(live: LiveSettings, server: ReplayServer, **more: Any) -> AsyncIterator[LiveFeed]:
    """A feed that reads the server."""
    feed = LiveFeed([msgspec.structs.replace(live, url=server.url, rest_url=server.rest_url)], **more)
    try:
        yield feed
    finally:
        await asyncio.to_thread(feed.close)


async def read_until(feed: LiveFeed, books: Books, done: Callable[[], bool]) -> None:
    """Read until something is so."""
    while not done():
        records = await asyncio.to_thread(feed.read, LIMIT)
        assert len(records) <= LIMIT
        books.apply(records)


async def replay(server: ReplayServer, venue: Venue) -> Books:
    """Read a server's capture until the books are the true ones."""
    books = Books()

    def is_true() -> bool:
        names = rows(venue).items()
        return server.is_ended and all(
            books.whole[row] and books.of(row) == server.truth.levels(name) for name, row in names
        )

    async with server.running(), feeding(settings(venue, quick=True), server) as feed:
        await read_until(feed, books, is_true)
    return books


@pytest.mark.parametrize("venue", VENUES)
def test_a_feed_brings_the_true_books(market_data: Path, venue: Venue) -> None:
    """A replayed capture gives each book once whole and nothing stale, and the true books at its end."""

    async def script() -> None:
        server = ReplayServer(venue, captured(market_data, venue))
        books = await replay(server, venue)
        assert all(books.said[row] == [AWAITED, WHOLE] for row in rows(venue).values())
        assert (server.n_sockets, books.n_crossed) == (1, 0)

    run(script())


@pytest.mark.parametrize("venue", VENUES)
def test_a_feed_comes_back_after_a_disconnect(market_data: Path, venue: Venue) -> None:
    """A socket that is cut is a told loss of every book, and the next one makes them whole."""
    messages = captured(market_data, venue)

    async def script() -> None:
        server = ReplayServer(venue, messages, cuts={len(messages) // 2: 20})
        books = await replay(server, venue)
        assert server.n_sockets == 2
        for row in rows(venue).values():
            assert books.said[row].count(LOST) == 1
            assert books.said[row][-2:] == [AWAITED, WHOLE]

    run(script())


@pytest.mark.parametrize("venue", ["binance", "binance_futures", "kraken"])
def test_a_feed_tells_and_mends_a_message_left_out(market_data: Path, venue: Venue) -> None:
    """What is left out is told of its book alone, and a new snapshot makes that whole, on the same socket."""
    messages = captured(market_data, venue)
    place, name, told = _victim(venue, messages)

    async def script() -> None:
        server = ReplayServer(venue, messages, left_out=frozenset({place}))
        books = await replay(server, venue)
        assert server.n_sockets == 1
        for symbol, row in rows(venue).items():
            assert (told in books.said[row]) == (symbol == name)
            assert books.said[row][-2:] == [AWAITED, WHOLE]

    run(script())


@pytest.mark.parametrize("venue", ["binance", "binance_futures"])
def test_a_feed_waits_for_slow_snapshots_and_asks_again_for_old_ones(market_data: Path, venue: Venue) -> None:
    """A snapshot that comes after many events, or is too old at first, still joins: no book is ever stale."""

    async def script() -> None:
        server = ReplayServer(venue, captured(market_data, venue), slow=60, old=3)
        books = await replay(server, venue)
        assert all(books.said[row] == [AWAITED, WHOLE] for row in rows(venue).values())
        assert server.n_fetches == len(rows(venue)) + 3

    run(script())


def test_a_reader_that_lags_holds_the_socket_back(market_data: Path) -> None:
    """No more than the bound and one message wait for a slow reader, and nothing is lost."""
    messages = captured(market_data, "coinbase")
    largest = max(message.data.count(b"[") for message in messages)
    bound = 200

    async def script() -> None:
        server = ReplayServer("coinbase", messages)
        books = Books()
        longest = 0
        async with server.running(), feeding(settings("coinbase"), server, largest_queue=bound) as feed:
            while sum(books.n_messages.values()) < 9_719 + 10:
                longest = max(longest, feed.n_waiting)
                books.apply(await asyncio.to_thread(feed.read, bound // 2))
        assert bound // 2 < longest <= bound + largest
        assert all(said == [AWAITED, WHOLE] for said in books.said.values())

    run(script())


def test_a_silent_socket_counts_as_disconnected(market_data: Path) -> None:
    """Silence for the time that is set is a told loss, and the socket is opened anew."""
    messages = captured(market_data, "kraken")[:200]

    async def script() -> None:
        server = ReplayServer("kraken", messages)
        books = Books()
        live = settings("kraken", stall_seconds=0.2, quick=True)
        async with server.running(), feeding(live, server) as feed:
            await read_until(feed, books, lambda: server.n_sockets > 1 and LOST in books.said[0])

    run(script())


def test_a_feed_that_is_closed_says_so_and_ends(market_data: Path) -> None:
    """After `close` what has arrived can be read, the books' loss at its end, and then the feed has ended."""

    async def script() -> None:
        server = ReplayServer("kraken", captured(market_data, "kraken")[:300])
        books = Books()
        async with server.running(), feeding(settings("kraken"), server) as feed:
            await read_until(feed, books, lambda: books.sequence > 100)
            await asyncio.to_thread(feed.close)
            assert not feed.is_ended
            await read_until(feed, books, lambda: feed.is_ended)
            assert books.said[0][-1] == LOST
            assert len(feed.read(LIMIT)) == 0

    run(script())


def test_a_refused_subscription_is_the_readers_to_hear() -> None:
    """A venue that refuses what is asked ends the feed with its answer and what to do."""
    answer = b'{"event":"subscriptionStatus","status":"error","errorMessage":"Currency pair not supported"}'

    async def script() -> None:
        server = ReplayServer("kraken", [Message(1, answer)])
        async with server.running(), feeding(settings("kraken"), server) as feed:
            with pytest.raises(
                RefusedError, match=r"kraken: .*Currency pair not supported.*Correct `symbols`"
            ):
                await read_until(feed, Books(), lambda: False)

    run(script())


def test_a_refused_snapshot_is_the_readers_to_hear(market_data: Path) -> None:
    """A venue that knows no such symbol ends the feed; one that is busy is asked again."""
    busy = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    messages = captured(market_data, "binance")

    async def asked_again() -> None:
        books = await replay(ReplayServer("binance", messages, refused=busy), "binance")
        assert all(books.said[row] == [AWAITED, WHOLE] for row in range(4))

    async def refused() -> None:
        server = ReplayServer("binance", messages, refused=(HTTPStatus.BAD_REQUEST,))
        async with server.running(), feeding(settings("binance"), server) as feed:
            with pytest.raises(RefusedError, match=r"expected a snapshot of NKNUSDT, .*Invalid symbol"):
                await read_until(feed, Books(), lambda: False)

    run(asked_again())
    run(refused())


def test_a_venue_that_is_not_there_is_tried_again() -> None:
    """Without a server the feed gives its instruments and goes on trying; there is nothing to lose yet."""
    live = LiveSettings(venue="coinbase", symbols=("BTC-USD",), url="ws://127.0.0.1:9")
    feed = LiveFeed([live], wait_seconds=0.01)
    assert [kind for kind, _ in feed.read(LIMIT)] == ["instrument"]
    assert feed.notes == [
        "coinbase: changes of a book carry no number, so one that the venue leaves out cannot be found."
    ]
    assert len(feed.read(LIMIT)) == 0
    assert not feed.is_ended
    feed.close()
    assert feed.is_ended


def test_records_can_be_numbered_on() -> None:
    """A feed begins after any ordinal, defines its instruments first, and reads nothing again."""
    feed = LiveFeed(
        [LiveSettings(venue="kraken", symbols=("XBT/USD",), url="ws://127.0.0.1:9")], wait_seconds=0
    )
    feed.seek(41)
    records = feed.read(10)
    assert records["instrument"]["sequence"].tolist() == [42]
    assert (feed.rereadable, feed.n_records, feed.progress) == (False, None, 0.0)
    feed.seek(42)
    with pytest.raises(DataError, match="go on after record 42, got a seek to 0"):
        feed.seek(0)
    feed.close()


def test_what_cannot_be_read_is_refused_at_once() -> None:
    """No venue, an instrument twice, or a depth that is not offered is an error before any connection."""
    with pytest.raises(DataError, match="at least one venue"):
        LiveFeed([])
    with pytest.raises(DataError, match=r"each instrument once, got XBT/USD\.KRAKEN twice"):
        LiveFeed([LiveSettings(venue="kraken", symbols=("XBT/USD", "XBT/USD"))])
    with pytest.raises(ConstraintError, match="10, 25, 100, 500 or 1000"):
        LiveFeed([LiveSettings(venue="kraken", symbols=("XBT/USD",), depth=7)])


def test_several_venues_are_one_flow(market_data: Path) -> None:
    """Two venues share rows and numbers, and a loss of one is no loss of the other."""
    pair: tuple[Venue, Venue] = ("binance", "kraken")

    async def script() -> None:
        servers = [ReplayServer(venue, captured(market_data, venue)) for venue in pair]
        async with servers[0].running(), servers[1].running():
            lives = [
                msgspec.structs.replace(settings(venue), url=server.url, rest_url=server.rest_url)
                for venue, server in zip(pair, servers, strict=True)
            ]
            feed = LiveFeed(lives)
            books = Books()

            def is_true() -> bool:
                names = [(server, name) for server in servers for name in rows(server.venue)]
                return all(server.is_ended for server in servers) and all(
                    books.of(row) == server.truth.levels(name) for row, (server, name) in enumerate(names)
                )

            await read_until(feed, books, is_true)
            await asyncio.to_thread(feed.close)
        assert books.names[3:5] == ["RUNEEUR.BINANCE", "WAVES/EUR.KRAKEN"]

    run(script())


def _victim(venue: Venue, messages: tuple[Message, ...]) -> tuple[int, str, tuple[BookState, BookReason]]:
    """Place of a message whose absence shows, its instrument, and what is told of it."""
    if venue == "kraken":
        texts = [place for place, message in enumerate(messages) if b'"c"' in message.data]
        found = [place for place in texts if messages[place].data.endswith(b'"ADA/XBT"]')]
        return found[len(found) // 2], "ADA/XBT", CHECKSUM
    name = next(iter(rows(venue)))
    events = [
        place
        for place, message in enumerate(messages)
        if b"depthUpdate" in message.data and name.encode() in message.data and not message.fetched
    ]
    return events[len(events) // 2], name, GAP
