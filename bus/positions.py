"""How far back a reader may still have to read: what trimming must leave, where a source begins again.

A reader saves its position after each checkpoint, so the position is never ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bus.cursors import Cursor
from bus.errors import CheckpointError
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId, Transport

PREFIX = "position/"


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Place from which a restored reader would read."""

    places: dict[str, EntryId]
    """Last entry it needs no more, for each bus that it reads."""
    records: Cursor | None = None
    """Last market record it needs no more; None for who reads none."""


def key(reader: str) -> str:
    """Where a reader's position is kept."""
    return f"{PREFIX}{reader}"


async def save(transport: Transport, reader: str, position: Position) -> None:
    """Keep a reader's position."""
    await transport.save(key(reader), msgspec.msgpack.encode(position))


async def load(transport: Transport, reader: str) -> Position | None:
    """A reader's position, None if it has never saved one.

    Raises:
        CheckpointError: what is kept is no position.
    """
    data = await transport.load(key(reader))
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=Position)
    except msgspec.MsgspecError as error:
        message = f"Expected the position of {reader}, got {error}; start with a reset"
        raise CheckpointError(message) from error


async def load_all(transport: Transport, readers: Iterable[str]) -> dict[str, Position | None]:
    """Positions of several readers."""
    return {reader: await load(transport, reader) for reader in readers}


def lowest(positions: Mapping[str, Position | None], bus: Bus) -> EntryId:
    """Last entry of a bus that no reader needs any more; the beginning while one has saved nothing."""
    if any(position is None for position in positions.values()):
        return BEGINNING
    places = [position.places[bus] for position in positions.values() if position and bus in position.places]
    return min(places, default=BEGINNING)
