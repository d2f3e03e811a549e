"""Real servers for tests, and transports that close themselves when their event loop ends."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from bus.errors import BusError
from bus.redis import Patience, RedisTransport
from bus.server import ADMIN, Account, EmbeddedServers, ServerSettings, find_binary
from bus.topics import Bus

ACCOUNTS = (
    Account(name="alpha"),
    Account(name="beta"),
    Account(name="source", publishes=(Bus.MARKET_DATA, Bus.ENGINE_LOGIC)),
    Account(name="keeper", publishes=(), trims=tuple(Bus), blobs=(), reads_blobs=("checkpoint/*",)),
)
"""Two engines, one that also publishes market data, and one that trims below the checkpoints of all."""

BRIEF = Patience(stall=0.5, reconnect=20.0, block=0.2, longest_delay=0.05)
"""For tests that stop a server: a stall is seen soon, a restart is waited for."""

_closers: set[asyncio.Task[None]] = set()


@contextlib.contextmanager
def running_servers(settings: Mapping[Bus, ServerSettings] | None = None) -> Iterator[EmbeddedServers]:
    """Two fresh servers in a folder of their own; the test is skipped where there is no server program."""
    try:
        binary = find_binary()
    except BusError as error:
        pytest.skip(str(error))
    with (
        tempfile.TemporaryDirectory(prefix="knotmeter-") as folder,
        EmbeddedServers(Path(folder), ACCOUNTS, settings, binary) as servers,
    ):
        yield servers


def plain(servers: EmbeddedServers, bus: Bus, user: str = ADMIN) -> redis.Redis:
    """What any program would use: redis-py."""
    address = servers.addresses(user)[bus]
    return redis.Redis(unix_socket_path=address.path, username=address.user, password=address.secret)


async def until_blocked(servers: EmbeddedServers, bus: Bus) -> None:
    """Wait until somebody waits for entries of a bus."""
    with plain(servers, bus) as client:
        while not client.info("clients")["blocked_clients"]:
            await asyncio.sleep(0)


async def until_written(servers: EmbeddedServers) -> None:
    """Wait until all that Engine Logic acknowledged stands in its file; a busy disk can hold it back."""
    with plain(servers, Bus.ENGINE_LOGIC) as client:
        while any(
            client.info("persistence")[name] for name in ("aof_buffer_length", "aof_pending_bio_fsync")
        ):
            await asyncio.sleep(0)


def empty(servers: EmbeddedServers) -> None:
    """Forget every stream and blob."""
    for bus in Bus:
        with plain(servers, bus) as client:
            client.flushall()


def connect(
    servers: EmbeddedServers, user: str = ADMIN, patience: Patience = BRIEF, **options: Any
) -> RedisTransport:
    """A transport that is closed when the running event loop ends."""
    return closing(RedisTransport(servers.addresses(user), patience, **options))


def closing(transport: RedisTransport) -> RedisTransport:
    """Close the transport when the running event loop ends."""

    async def close_at_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await transport.close()

    task = asyncio.get_running_loop().create_task(close_at_end())
    _closers.add(task)
    task.add_done_callback(_closers.discard)
    return transport
