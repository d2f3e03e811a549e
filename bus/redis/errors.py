"""What can go wrong with a Redis server, and which reply of it means what."""

from __future__ import annotations

from typing import Final

from bus.errors import BusError, DuplicateEntryError, StreamFullError
from bus.redis.address import Address


class ServerUnavailableError(BusError):
    """The server cannot be reached, or was lost."""


class ConnectionLostError(ServerUnavailableError):
    """The connection ended; what was sent and not answered may or may not have taken effect."""


class StalledServerError(ConnectionLostError):
    """The server owed a reply and sent nothing for too long."""


class MalformedReplyError(ConnectionLostError):
    """The server sent what no Redis server sends; the connection was given up."""


class LoadingError(ServerUnavailableError):
    """The server is reading its log; what was asked has taken no effect."""


class RecoveryNeededError(BusError):
    """The server was restarted, or left publications unanswered: what is missing must be published first."""


class AccessRefusedError(BusError):
    """The server does not know the user, or the user may not do this."""


class EntryTooLargeError(BusError):
    """An entry above the bound of the bus."""


_MEANINGS: Final[tuple[tuple[str, type[BusError], str], ...]] = (
    ("NOAUTH", AccessRefusedError, "give a user and its secret"),
    ("WRONGPASS", AccessRefusedError, "check the user and its secret"),
    ("NOPERM", AccessRefusedError, "the user has only the rights its part of the fleet needs"),
    (
        "OOM",
        StreamFullError,
        "its slowest reader must move on and the stream be trimmed, or `maxmemory` raised",
    ),
    (
        "ERR The ID specified in XADD",
        DuplicateEntryError,
        "the stream is ahead: read it and go on from there",
    ),
    ("LOADING", LoadingError, "wait until it has read its log"),
    ("MISCONF", BusError, "make room on the server's disk"),
)


def refusal(reply: str, command: str, address: Address) -> BusError:
    """The error that an error reply means: command, server, user, the reply itself, and what to do.

    >>> refusal("OOM command not allowed", "XADD", Address(path="md.sock"))
    StreamFullError("Expected `XADD` to be accepted by md.sock, got 'OOM command not allowed'; its slowest \
reader must move on and the stream be trimmed, or `maxmemory` raised")
    """
    for start, kind, advice in _MEANINGS:
        if reply.startswith(start):
            return kind(f"Expected `{command}` to be accepted by {address}, got {reply!r}; {advice}")
    return BusError(f"Expected `{command}` to be accepted by {address}, got {reply!r}")
