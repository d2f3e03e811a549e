"""What a session wants done; whoever holds the socket does it."""

from __future__ import annotations

from typing import NamedTuple

from shared.errors import DataError


class Send(NamedTuple):
    """Send a message on the socket."""

    data: bytes


class Fetch(NamedTuple):
    """Fetch a snapshot and hand the answer to `Session.fetched`."""

    symbol: str
    path: str
    """Path and query below the venue's REST address."""
    attempt: int
    """Snapshots of this book that turned out too old since it was last whole."""


Action = Send | Fetch


class RefusedError(DataError):
    """The venue refused what was asked of it."""


def refusal(venue: str, asked: str, answer: str) -> RefusedError:
    """The error for a request that the venue answered with an error of its own."""
    advice = "Correct `symbols`, `channels` and `depth` of this venue."
    return RefusedError(f"{venue}: expected {asked}, got the answer {answer!r}. {advice}")
