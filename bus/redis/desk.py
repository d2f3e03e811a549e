"""All that is rare: blobs, trimming and questions about a stream, through redis-py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bus.errors import BusError, StreamFullError
from bus.redis import commands
from bus.redis.address import Address
from bus.redis.errors import (
    AccessRefusedError,
    ConnectionLostError,
    LoadingError,
    StalledServerError,
    refusal,
)
from bus.redis.link import Link
from bus.redis.patience import Patience
from bus.transport import BEGINNING, EntryId

_ATTEMPTS: Final = 3
_PAGE: Final = 1000
_HIGHEST: Final = 2**64 - 1

_KINDS: Final[tuple[tuple[type[exceptions.RedisError], type[BusError]], ...]] = (
    (exceptions.AuthenticationError, AccessRefusedError),
    (exceptions.AuthorizationError, AccessRefusedError),
    (exceptions.NoPermissionError, AccessRefusedError),
    (exceptions.OutOfMemoryError, StreamFullError),
    (exceptions.BusyLoadingError, LoadingError),
    (exceptions.TimeoutError, StalledServerError),
    (exceptions.ConnectionError, ConnectionLostError),
)
"""redis-py cuts the code off most error replies, so its classes tell them apart; subclasses come first."""


class Desk:
    """Rare requests to one server; each may be repeated, so a lost connection is not the caller's concern."""

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link = link
        self._client = _client(link.address, patience)

    async def last_id(self, stream: str) -> EntryId:
        """Id of the last entry ever appended to a stream."""
        try:
            found = await self._ask("XINFO STREAM", lambda: self._client.xinfo_stream(stream))
        except _NoSuchKeyError:
            return BEGINNING
        return commands.entry_id(found["last-generated-id"])

    async def trim(self, stream: str, through: EntryId) -> int:
        """Drop the entries of a stream at or below an id; returns how many."""
        major, minor = through
        lowest_kept = EntryId(major, minor + 1) if minor < _HIGHEST else EntryId(major + 1, 0)
        return int(
            await self._ask(
                "XTRIM", lambda: self._client.xtrim(stream, approximate=False, minid=str(lowest_kept))
            )
        )

    async def save(self, key: str, data: bytes) -> None:
        """Keep a blob, replacing the former one atomically."""
        await self._ask("SET", lambda: self._client.set(key, data))

    async def load(self, key: str) -> bytes | None:
        """A blob, None if there is none."""
        data = await self._ask("GET", lambda: self._client.get(key))
        return data if data is None else bytes(data)

    async def delete(self, key: str) -> None:
        """Forget a blob."""
        await self._ask("DEL", lambda: self._client.delete(key))

    async def notes(self, key: str) -> list[bytes]:
        """A list, oldest first."""
        found = await self._ask("LRANGE", lambda: _awaited(self._client.lrange(key, 0, -1)))
        return [bytes(item) for item in found]

    async def keys(self, prefix: str) -> list[str]:
        """Keys of blobs that start with a prefix, sorted."""
        pattern = "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in prefix) + "*"
        found: set[bytes] = set()
        cursor: int | None = None
        while cursor != 0:
            cursor, page = await self._page(cursor or 0, pattern)
            found.update(page)
        return sorted(key.decode() for key in found)

    async def _page(self, cursor: int, pattern: str) -> tuple[int, list[bytes]]:
        page = await self._ask("SCAN", lambda: self._client.scan(cursor, pattern, _PAGE, "string"))
        return page[0], page[1]

    async def close(self) -> None:
        """Close what redis-py holds open."""
        await self._client.aclose()

    async def _ask(self, command: str, request: Callable[[], Awaitable[Any]]) -> Any:
        """Make a request on a server that is up, again if the connection is lost."""
        attempt = 0
        while True:
            attempt += 1
            await self._link.ready()
            try:
                return await request()
            except exceptions.RedisError as error:
                meaning = _meaning(error, command, self._link.address)
                lost = isinstance(meaning, ConnectionLostError | LoadingError)
                if not lost or attempt == _ATTEMPTS:
                    raise meaning from error


async def _awaited(reply: Any) -> Any:
    """A reply whose type redis-py leaves open."""
    return await reply


class _NoSuchKeyError(BusError):
    """The stream has never had an entry."""


def _client(address: Address, patience: Patience) -> Redis:
    options: dict[str, Any] = {
        "username": address.user if address.secret is not None else None,
        "password": address.secret,
        "protocol": 2,
        "driver_info": None,  # else it introduces itself, which the user of an engine may not
        "socket_timeout": patience.stall,
        "socket_connect_timeout": patience.stall,
        "retry": Retry(NoBackoff(), 1),
    }
    if address.path is not None:
        return Redis(unix_socket_path=address.path, **options)
    return Redis(host=address.host, port=address.port, **options)


def _meaning(error: exceptions.RedisError, command: str, address: Address) -> BusError:
    text = str(error)
    if text == "no such key":
        return _NoSuchKeyError(text)
    for kind, ours in _KINDS:
        if isinstance(error, kind):
            return ours(f"Expected `{command}` to be answered by {address}, got {text!r}")
    return refusal(text, command, address)
