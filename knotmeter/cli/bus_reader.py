"""Both buses as a program outside reads them: through redis-py, as the user that may only read."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import redis

from bus.redis import Address
from bus.topics import Bus

ANSWER_SECONDS: Final = 2.0
"""How long a server may take over an answer, beyond what it was asked to wait."""


class BusSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How a bus stands; figures are None where its server does not answer."""

    bus: str
    is_up: bool
    reason: str | None = None
    """Why it does not answer."""
    n_entries: int | None = None
    last_id: str | None = None
    memory_bytes: int | None = None
    max_memory_bytes: int | None = None
    """Memory it may use; None where nothing bounds it."""
    held_back_by: str | None = None
    """Reader that keeps it from being trimmed further."""


def open_reader(url: str) -> redis.Redis:
    """A connection to the server of a bus, made when it is first used."""
    address = Address.parse(url)
    login: dict[str, Any] = {"username": address.user, "password": address.secret}
    if address.path is not None:
        return redis.Redis(
            connection_pool=redis.ConnectionPool(
                connection_class=redis.UnixDomainSocketConnection,
                path=address.path,
                socket_timeout=ANSWER_SECONDS,
                **login,
            )
        )
    return redis.Redis(address.host, address.port, socket_timeout=ANSWER_SECONDS, **login)


def look_at_bus(bus: Bus, url: str) -> BusSnapshot:
    """How a bus stands now."""
    reader = open_reader(url)
    try:
        memory = reader.info("memory")
        stream = _stream(reader, bus)
    except redis.RedisError as error:
        return BusSnapshot(bus=bus.value, is_up=False, reason=str(error).rstrip("."))
    finally:
        reader.close()
    return BusSnapshot(
        bus=bus.value,
        is_up=True,
        n_entries=stream["length"],
        last_id=stream["last-generated-id"].decode(),
        memory_bytes=memory["used_memory"],
        max_memory_bytes=memory["maxmemory"] or None,
    )


def _stream(reader: redis.Redis, bus: Bus) -> dict[str, Any]:
    """What a server says of a stream; of one that nobody has published on yet it says nothing."""
    try:
        told: dict[str, Any] = reader.xinfo_stream(bus.value)
    except redis.ResponseError:
        return {"length": 0, "last-generated-id": b"0-0"}
    return told


def last_id(reader: redis.Redis, bus: Bus) -> str:
    """Id of the newest entry that a bus ever had."""
    found: str = _stream(reader, bus)["last-generated-id"].decode()
    return found
