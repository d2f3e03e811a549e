"""Finding a server, logging in, and finding it again."""

from __future__ import annotations

import asyncio

import pytest

from bus.errors import BusError
from bus.redis import (
    AccessRefusedError,
    ConnectionLostError,
    Patience,
    RedisTransport,
    ServerUnavailableError,
)
from bus.redis.link import Link
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis.scripted_server import CLOSE, bulk, greeting, with_link, with_transport
from tests.bus.redis_servers import BRIEF

NO_WAIT = Patience(stall=0.2, reconnect=0.05, first_delay=0.001)


def test_an_unanswered_publication_is_not_sent_again() -> None:
    """A connection that ends before the reply says that the outcome is unknown; reads are asked again."""
    seen: list[bytes] = []

    def answer(words: list[bytes]) -> bytes | None:
        seen.append(words[0])
        if words[0] in (b"XADD", b"XREAD") and seen.count(words[0]) == 1:
            return CLOSE
        return greeting(words) or b"*-1\r\n"

    async def script(transport: RedisTransport) -> None:
        with pytest.raises(ConnectionLostError, match=r"to stay connected.*1 requests open"):
            await transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"})
        assert await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 1) == []

    with_transport(answer, script, BRIEF)
    assert (seen.count(b"XADD"), seen.count(b"XREAD")) == (1, 2)


def test_a_loading_server_is_waited_for() -> None:
    """However long a server reads its log, requests wait and are then made, each once."""
    loading = {b"PING": 30, b"XADD": 3}
    accepted: list[bytes] = []

    def answer(words: list[bytes]) -> bytes | None:
        if loading.get(words[0], 0):
            loading[words[0]] -= 1
            return b"-LOADING Redis is loading the dataset in memory\r\n"
        accepted.append(words[0])
        return greeting(words) or bulk(b"5-1")

    async def script(transport: RedisTransport) -> None:
        assert await transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"}) == EntryId(5, 1)

    patience = Patience(stall=5.0, reconnect=0.02, first_delay=0.001, longest_delay=0.002)
    with_transport(answer, script, patience)
    assert accepted.count(b"XADD") == 1


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("WRONGPASS invalid username-password pair", AccessRefusedError, "`AUTH`.*as `me`.*secret"),
        ("ERR max number of clients reached", ServerUnavailableError, "max number of clients"),
        ("NOPERM User me has no permissions", AccessRefusedError, "as `me`"),
    ],
)
def test_a_refused_greeting_is_told(error: str, kind: type[BusError], words: str) -> None:
    """Why a server does not let us in stands in the error."""

    async def script(transport: RedisTransport) -> None:
        with pytest.raises(kind, match=words):
            await transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"})

    with_transport(lambda _: f"-{error}\r\n".encode(), script, NO_WAIT)


@pytest.mark.parametrize(
    ("information", "found"),
    [(None, "Expected a reply from"), (bulk(b"x"), "Expected a line `run_id:` from")],
)
def test_a_server_that_does_not_greet_is_given_up(information: bytes | None, found: str) -> None:
    """A socket that accepts and says nothing, or nothing of use, ends in an error, not in waiting."""

    def answer(words: list[bytes]) -> bytes | None:
        return information if words[0] == b"INFO" else greeting(words)

    async def script(transport: RedisTransport) -> None:
        with pytest.raises(ServerUnavailableError, match=rf"within 0\.05 s, found none .*{found}"):
            await transport.run_id(Bus.MARKET_DATA)

    with_transport(answer, script, NO_WAIT)


def test_callers_share_one_attempt_and_a_cancelled_one_harms_nobody() -> None:
    """Many who need a connection make one; one who stops waiting leaves it to the others."""

    async def script(link: Link) -> None:
        callers = [asyncio.create_task(link.ready()) for _ in range(5)]
        await asyncio.sleep(0)
        callers[0].cancel()
        connections = await asyncio.gather(*callers[1:])
        assert len(set(map(id, connections))) == link.n_connections == 1
        assert link.run_id == "first"

    with_link(greeting, script, BRIEF)


def test_delays_double_to_a_bound_and_differ() -> None:
    """Pauses grow to the longest and are never below half of it; two that wait do not return together."""
    patience = Patience(first_delay=0.01, longest_delay=0.1)
    delays = [delay for delay, _ in zip(patience.delays(), range(50), strict=False)]
    bounds = [min(0.01 * 2**attempt, 0.1) for attempt in range(50)]

    assert all(bound / 2 <= delay <= bound for delay, bound in zip(delays, bounds, strict=True))
    assert len(set(delays)) > 40
