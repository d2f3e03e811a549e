"""Who may do what on the servers."""

from __future__ import annotations

import pytest
import redis

from bus.redis import AccessRefusedError, Address, RedisTransport
from bus.server import EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.redis_servers import BRIEF, closing, connect, plain
from tests.bus.transport_contract import fill, wait

BOTH = dict.fromkeys(Bus, BEGINNING)


@pytest.mark.parametrize("secret", ["wrong", None])
def test_a_wrong_secret_is_a_clear_error(servers: EmbeddedServers, secret: str | None) -> None:
    """Whatever is asked with a wrong or missing secret names the user and is not asked again and again."""
    addresses = {
        bus: Address(path=address.path, user="alpha", secret=secret)
        for bus, address in servers.addresses("alpha").items()
    }

    async def script() -> None:
        transport = closing(RedisTransport(addresses, BRIEF))
        for attempt in (
            transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"}),
            transport.read(Bus.MARKET_DATA, BEGINNING, 1),
            transport.wait_for_entries(BOTH, 30.0),
            transport.load("checkpoint/alpha"),
            transport.run_id(Bus.MARKET_DATA),
        ):
            with pytest.raises(AccessRefusedError, match=r"`(AUTH|INFO server)`.*as `alpha`.*secret"):
                await attempt

    wait(script())


def test_an_engine_may_do_no_more_than_its_part(servers: EmbeddedServers) -> None:
    """Another stream, another engine's blob, trimming: each refused with the user's name and the command."""

    async def script() -> None:
        transport = connect(servers, "alpha")
        for command, attempt in {
            "XADD": transport.publish(Bus.MARKET_DATA, {"h": b"1"}, EntryId(1, 1)),
            "XTRIM": transport.trim(Bus.ENGINE_LOGIC, EntryId(1, 1)),
            "SET": transport.save("checkpoint/beta", b"1"),
            "GET": transport.load("checkpoint/beta"),
            "DEL": transport.delete("dead-letter/beta/1"),
        }.items():
            with pytest.raises(AccessRefusedError, match=f"`{command}`.*as `alpha`"):
                await attempt
        await transport.publish(Bus.ENGINE_LOGIC, {"e": b"1"})
        await transport.save("checkpoint/alpha", b"1")
        await transport.save("dead-letter/alpha/1", b"2")

        assert await transport.keys("dead-letter/alpha/") == ["dead-letter/alpha/1"]

    wait(script())


@pytest.mark.parametrize("bus", list(Bus))
@pytest.mark.parametrize(
    "command",
    [
        *("FLUSHALL", "FLUSHDB", "SHUTDOWN", "CONFIG GET *", "CONFIG SET maxmemory 1", "KEYS *", "ACL LIST"),
        *("GET secret", "SET secret 1", "DEL checkpoint/beta", "XDEL logic 1-1", "XGROUP CREATE logic g 0"),
        *("EVAL 1 0", "CLIENT LIST", "MONITOR", "SAVE", "BGREWRITEAOF", "REPLICAOF NO ONE", "RENAME md x"),
    ],
)
def test_an_engines_user_is_shut_out_of_the_rest(servers: EmbeddedServers, bus: Bus, command: str) -> None:
    """Whatever client it uses, the server refuses an engine's user all but its part."""
    with (
        plain(servers, bus, "alpha") as client,
        pytest.raises(redis.exceptions.NoPermissionError, match="permissions"),
    ):
        client.execute_command(*command.split())


def test_the_keeper_trims_but_does_not_write(servers: EmbeddedServers) -> None:
    """The part that trims reads all checkpoints, and writes neither streams nor blobs."""

    async def script() -> None:
        engine, keeper = connect(servers), connect(servers, "keeper")
        ids = await fill(engine, Bus.ENGINE_LOGIC, 3)
        await engine.save("checkpoint/alpha", b"1")

        assert await keeper.load("checkpoint/alpha") == b"1"
        assert await keeper.trim(Bus.ENGINE_LOGIC, ids[1]) == 2
        for attempt in (
            keeper.publish(Bus.ENGINE_LOGIC, {"e": b"1"}),
            keeper.save("checkpoint/alpha", b"2"),
        ):
            with pytest.raises(AccessRefusedError):
                await attempt

    wait(script())
