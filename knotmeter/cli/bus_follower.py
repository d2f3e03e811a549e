"""Following a bus from outside: every entry once, through any restart of its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import redis

from bus.topics import Bus
from knotmeter.cli.bus_reader import last_id, open_reader
from knotmeter.fleet.folder import FleetError
from shared.clock import pause

READ_LIMIT: Final = 500
"""Entries taken at a time."""

BEGINNING: Final = "0-0"

_BLOCK_MILLISECONDS: Final = 500
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_MOST_DOUBLINGS: Final = 8


class Entry(NamedTuple):
    """One entry of a stream."""

    id: str
    fields: Mapping[str, bytes]


class Follower:
    """Reads the entries of one bus as they come.

    Args:
        bus: which.
        url: its server, with user and secret.
        is_over: whether there is nothing more to wait for.
        complain: told once for each time the server is lost.
        from_start: begin with the oldest entry that is kept, not with the next one.
    """

    def __init__(
        self,
        bus: Bus,
        url: str,
        *,
        is_over: Callable[[], bool],
        complain: Callable[[str], None],
        from_start: bool = False,
    ) -> None:
        self._bus = bus
        self._reader = open_reader(url)
        self._is_over = is_over
        self._complain = complain
        self._place = BEGINNING if from_start else None

    def entries(self) -> Iterator[Entry]:
        """Every entry, until it is over.

        Raises:
            FleetError: the server refuses us.
        """
        lost = 0
        while True:
            try:
                found = self._read()
            except (redis.AuthenticationError, redis.ResponseError) as error:
                message = f"expected to read {self._bus} as the fleet's reader, found: {error}"
                raise FleetError(message) from error
            except redis.RedisError as error:
                if self._is_over():
                    return
                if lost == 0:
                    self._complain(f"{self._bus} is lost and looked for: {error}")
                pause(min(_FIRST_PAUSE * 2**lost, _LONGEST_PAUSE))
                lost = min(lost + 1, _MOST_DOUBLINGS)
                continue
            if lost:
                self._complain(f"{self._bus} is found again")
                lost = 0
            yield from found
            if not found and self._is_over():
                return

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _read(self) -> list[Entry]:
        """The next entries, none if none came for a while; the place moves with them."""
        if self._place is None:
            self._place = last_id(self._reader, self._bus)
        answer: Any = self._reader.xread(
            {self._bus.value: self._place}, count=READ_LIMIT, block=_BLOCK_MILLISECONDS
        )
        streams = answer.values() if isinstance(answer, dict) else [part for _, part in answer or ()]
        found = []
        for entry_id, fields in (entry for part in streams for entry in part):
            self._place = entry_id.decode()
            found.append(
                Entry(self._place, {name.decode("utf-8", "replace"): data for name, data in fields.items()})
            )
        return found
