"""Requests and replies on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import hiredis
import pytest

from bus.redis import MalformedReplyError, Patience, RedisTransport, StalledServerError
from bus.redis.commands import command
from bus.redis.link import Link
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis.scripted_server import bulk, greeting, with_link, with_transport
from tests.bus.redis_servers import BRIEF

PLACES = {Bus.ENGINE_LOGIC: BEGINNING}


def echo(words: list[bytes]) -> bytes:
    """The greeting, and to anything else its own first word; an error to ``A``."""
    return greeting(words) or (b"-ERR no\r\n" if words[0] == b"A" else bulk(words[0]))


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff" * 40, b"$-7\r\n", b"*x\r\n"]
)
@pytest.mark.parametrize("verb", [b"XADD", b"XREAD"])
def test_garbage_is_named_and_the_connection_given_up(verb: bytes, garbage: bytes) -> None:
    """Bytes that are no reply are a clear error, and the next request has a new connection."""
    replies = [garbage]

    def answer(words: list[bytes]) -> bytes | None:
        if words[0] == verb and replies:
            return replies.pop()
        return greeting(words) or (bulk(b"5-1") if words[0] == b"XADD" else b"*-1\r\n")

    async def script(transport: RedisTransport) -> None:
        def attempt() -> Coroutine[Any, Any, Any]:
            if verb == b"XADD":
                return transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"})
            return transport.read(Bus.ENGINE_LOGIC, BEGINNING, 1)

        with pytest.raises(MalformedReplyError, match="Expected replies of a Redis server from"):
            await attempt()
        await transport.run_id(Bus.ENGINE_LOGIC)
        assert await attempt() in (EntryId(5, 1), [])

    with_transport(answer, script, BRIEF)


@pytest.mark.parametrize("reply", [b":7\r\n", b"+OK\r\n", b"*1\r\n:1\r\n", b"$1\r\nx\r\n"])
def test_a_wrong_kind_of_reply_is_named(reply: bytes) -> None:
    """A well-formed reply that answers something else is refused by every reader."""

    async def script(transport: RedisTransport) -> None:
        with pytest.raises(MalformedReplyError, match="Expected entries of logic"):
            await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 1)
        with pytest.raises(MalformedReplyError, match="Expected entries of logic"):
            await transport.wait_for_entries(PLACES, 30.0)
        with pytest.raises(MalformedReplyError, match="Expected the id of an entry"):
            await transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"})

    with_transport(lambda words: greeting(words) or reply, script, BRIEF)


def test_a_reply_nobody_asked_for_ends_the_connection() -> None:
    """Once replies could be taken for others' the connection is not used any more."""

    async def script(link: Link) -> None:
        connection = await link.ready()
        assert await connection.ask([command(b"B")], 20) == b"B"
        assert link.connection is None
        with pytest.raises(MalformedReplyError, match="that nobody asked for"):
            await connection.ask([command(b"B")], 20)

    with_link(lambda words: greeting(words) or bulk(b"B") * 2, script, BRIEF)


def test_a_cancelled_request_does_not_shift_the_replies() -> None:
    """Who stops waiting leaves his reply unread; the next one gets her own."""

    async def script(link: Link) -> None:
        connection = await link.ready()
        first = asyncio.create_task(connection.ask([command(b"B")], 20))
        await asyncio.sleep(0)
        first.cancel()
        assert await connection.ask([command(b"C")], 20) == b"C"

    with_link(echo, script, BRIEF)


def test_the_reply_to_an_error_is_a_value() -> None:
    """An error reply in a pipeline belongs to its own request."""

    async def script(link: Link) -> None:
        connection = await link.ready()
        replies = await asyncio.gather(*(connection.ask([command(word)], 20) for word in (b"A", b"B")))
        assert isinstance(replies[0], hiredis.ReplyError)
        assert replies[1] == b"B"

    with_link(echo, script, BRIEF)


def test_outstanding_bytes_are_bounded() -> None:
    """No more than the bound is sent and unanswered, larger requests go alone, and the order is kept."""
    seen: list[bytes] = []
    outstanding: list[int] = []

    def answer(words: list[bytes]) -> bytes | None:
        if words[0] == b"XADD":
            seen.append(words[2])
        return greeting(words) or bulk(words[2])

    async def script(transport: RedisTransport) -> None:
        async def publish(number: int) -> None:
            size = 5_000 if number == 50 else 300
            await transport.publish(Bus.MARKET_DATA, {"h": bytes(size)}, EntryId(1, number))
            connection = transport._links[Bus.MARKET_DATA].connection
            assert connection is not None
            outstanding.append(connection.outstanding)

        await asyncio.gather(*map(publish, range(1, 101)))

    with_transport(answer, script, BRIEF, max_outstanding=1_000)
    assert seen == [b"1-%d" % number for number in range(1, 101)]
    assert max(n for n in outstanding if n < 5_000) <= 1_000


def test_what_waits_to_be_sent_fails_with_the_connection() -> None:
    """Requests behind the bound get the error too: nobody waits for ever."""

    async def script(link: Link) -> None:
        connection = await link.ready()
        asked = (connection.ask([command(b"A")], 20) for _ in range(3))
        errors = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(error) for error in errors] == [StalledServerError] * 3
        assert connection.outstanding == 0

    with_link(greeting, script, Patience(stall=0.1), max_outstanding=10)
