"""Publications handed over at once, without a task."""

from __future__ import annotations

import asyncio

import pytest

from bus.errors import BusError, DuplicateEntryError
from bus.redis import (
    ConnectionLostError,
    EntryTooLargeError,
    MalformedReplyError,
    RecoveryNeededError,
    RedisTransport,
    ServerUnavailableError,
    StalledServerError,
)
from bus.redis.commands import MAX_ENTRY_BYTES
from bus.server import EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis.scripted_server import CLOSE, bulk, greeting, with_transport
from tests.bus.redis_servers import BRIEF, connect
from tests.bus.transport_contract import wait


def test_what_is_submitted_arrives_in_order(servers: EmbeddedServers) -> None:
    """Submissions large and small, behind a bound too, are appended in the order of their calls."""

    async def script() -> None:
        transport = connect(servers, max_outstanding=10_000)
        await transport.run_id(Bus.ENGINE_LOGIC)
        values = [b"%d" % number * (number % 7 * 1_000 + 1) for number in range(100)]
        outcomes = [transport.submit(Bus.ENGINE_LOGIC, {"e": value}) for value in values]
        ids = [await outcome for outcome in outcomes]
        entries = await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 1_000)

        assert ids == sorted(set(ids))
        assert [(entry.id, entry.fields["e"]) for entry in entries] == list(zip(ids, values, strict=True))

    wait(script())


def test_without_a_connection_nothing_is_submitted(servers: EmbeddedServers) -> None:
    """Before the first connection a submission fails at once and appends nothing; afterwards it is taken."""

    async def script() -> None:
        transport = connect(servers)
        refused = transport.submit(Bus.ENGINE_LOGIC, {"e": b"1"})
        assert refused.done()
        with pytest.raises(ServerUnavailableError, match="nothing was appended"):
            await refused
        await transport.run_id(Bus.ENGINE_LOGIC)
        await transport.submit(Bus.ENGINE_LOGIC, {"e": b"2"})

        entries = await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 9)
        assert [entry.fields["e"] for entry in entries] == [b"2"]

    wait(script())


def test_a_submission_that_is_refused_says_why(servers: EmbeddedServers) -> None:
    """What `publish` would raise is the outcome: an id that is taken, no field, too many bytes."""

    async def script() -> None:
        transport = connect(servers)
        await transport.run_id(Bus.MARKET_DATA)
        await transport.submit(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, 5))
        with pytest.raises(DuplicateEntryError, match="`XADD`"):
            await transport.submit(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, 5))
        with pytest.raises(BusError, match="got none"):
            await transport.submit(Bus.MARKET_DATA, {}, EntryId(1, 6))
        with pytest.raises(EntryTooLargeError, match=f"at most {MAX_ENTRY_BYTES} bytes"):
            await transport.submit(Bus.MARKET_DATA, {"h": memoryview(bytes(MAX_ENTRY_BYTES))}, EntryId(1, 6))

        assert await transport.last_id(Bus.MARKET_DATA) == EntryId(1, 5)

    wait(script())


def test_after_a_restart_nothing_is_submitted_before_the_outbox_was_asked(
    own_servers: EmbeddedServers,
) -> None:
    """A submission to another run is refused until the run id was asked."""

    async def script() -> None:
        transport = connect(own_servers)
        await transport.run_id(Bus.MARKET_DATA)
        await transport.submit(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, 1))
        own_servers[Bus.MARKET_DATA].kill()
        own_servers.restart(Bus.MARKET_DATA)
        with pytest.raises((ConnectionLostError, ServerUnavailableError)):
            await transport.submit(Bus.MARKET_DATA, {"h": b"2"}, EntryId(1, 2))
        await transport.last_id(Bus.MARKET_DATA)
        with pytest.raises(RecoveryNeededError, match="publish what is missing first"):
            await transport.submit(Bus.MARKET_DATA, {"h": b"2"}, EntryId(1, 2))
        await transport.run_id(Bus.MARKET_DATA)

        assert await transport.submit(Bus.MARKET_DATA, {"h": b"2"}, EntryId(1, 2)) == EntryId(1, 2)

    wait(script())


@pytest.mark.parametrize(
    ("reply", "error"),
    [(CLOSE, ConnectionLostError), (b"", StalledServerError), (b"+OK\r\n", MalformedReplyError)],
)
def test_a_submission_without_its_answer_may_have_been_taken(reply: bytes, error: type[Exception]) -> None:
    """A lost or wrong answer is the outcome; after a loss, nothing goes out before the outbox was asked."""
    said = []

    def answer(words: list[bytes]) -> bytes | None:
        if words[0] != b"XADD":
            return greeting(words)
        said.append(words)
        return bulk(b"5-1") if len(said) > 1 else None if error is StalledServerError else reply

    async def script(transport: RedisTransport) -> None:
        await transport.run_id(Bus.ENGINE_LOGIC)
        with pytest.raises(error):
            await transport.submit(Bus.ENGINE_LOGIC, {"e": b"1"})
        if error is not MalformedReplyError:
            await transport._links[Bus.ENGINE_LOGIC].ready()
            with pytest.raises(RecoveryNeededError, match="left publications unanswered"):
                await transport.submit(Bus.ENGINE_LOGIC, {"e": b"2"})
            await transport.run_id(Bus.ENGINE_LOGIC)
        assert await transport.submit(Bus.ENGINE_LOGIC, {"e": b"2"}) == EntryId(5, 1)

    with_transport(answer, script, BRIEF)


def test_a_cancelled_submission_keeps_the_order_of_answers(servers: EmbeddedServers) -> None:
    """Who stops waiting has published all the same, and the next one gets an answer of its own."""

    async def script() -> None:
        transport = connect(servers)
        await transport.run_id(Bus.ENGINE_LOGIC)
        first, second = (transport.submit(Bus.ENGINE_LOGIC, {"e": value}) for value in (b"1", b"2"))
        first.cancel()
        last = await second
        await asyncio.sleep(0)

        entries = await transport.read(Bus.ENGINE_LOGIC, BEGINNING, 9)
        assert [entry.fields["e"] for entry in entries] == [b"1", b"2"]
        assert entries[-1].id == last

    wait(script())
