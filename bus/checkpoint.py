"""A checkpoint: all an engine needs to go on as if it had never stopped."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from bus.cursors import Cursor
from bus.errors import CheckpointError
from bus.records import START_OF_TIME
from bus.transport import EntryId

FORMAT: Final = 1
"""Version of the checkpoint's own layout."""

_MAGIC: Final = b"KNCP"


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Typed state, cursors, watermarks, output sequence, waiting inputs, and what state it is.

    It is taken between two steps, and saved only after the outputs it covers were acknowledged. Events that
    were received and still wait for their time are kept whole; market records are read again from the
    cursor.
    """

    format: int
    engine: str
    state_version: int
    fingerprint: str
    epoch: int
    state: bytes
    instruments: bytes
    output_sequence: int
    watermark: int
    """Last promise made to readers, ns."""
    now: int
    """Engine time, ns."""
    cursors: dict[str, Cursor]
    watermarks: dict[str, int]
    positions: dict[str, EntryId]
    heard_from: EntryId | None = None
    """Where what the engine said in a life before begins, as far as it has not come to it again."""
    waiting: list[tuple[int, bytes]]
    """Waiting events, each with its lane's delay."""
    outbox: list[tuple[int, int, bytes]]
    """Events a restarted server could still have lost: epoch, sequence, bytes."""
    run_ids: dict[str, str]
    """Runs of the servers at the time; another one tells a restored engine to look at its outbox."""
    order: int = 0
    """Last list of the order log that it covers; a live engine goes on from the next."""
    timer: int = START_OF_TIME
    """Last multiple of the timer that is past, ns."""
    n_works: int = 0
    """Works asked for so far."""
    works: bytes = b""
    """Works that were asked for and not yet answered."""
    n_handled: int
    n_dead_letters: int
    n_missing: int


def key(engine: str) -> str:
    """Where an engine's checkpoint is kept."""
    return f"checkpoint/{engine}"


def encode(checkpoint: Checkpoint) -> bytes:
    """Checkpoint to bytes, with a checksum."""
    body = msgspec.msgpack.encode(checkpoint)
    return _MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def decode(data: bytes, engine: str) -> Checkpoint:
    """Bytes to checkpoint.

    Raises:
        CheckpointError: damaged, of another layout, or of another engine.
    """
    body = data[8:]
    if data[:4] != _MAGIC or int.from_bytes(data[4:8], "little") != zlib.crc32(body):
        problem = f"got {len(data)} bytes that fail its checksum"
        message = f"Expected the checkpoint of {engine}, {problem}; start with a reset"
        raise CheckpointError(message)
    try:
        checkpoint = msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.MsgspecError as error:
        message = f"Expected the checkpoint of {engine} in layout {FORMAT}, got {error}; start with a reset"
        raise CheckpointError(message) from error
    if checkpoint.format != FORMAT or checkpoint.engine != engine:
        got = f"layout {checkpoint.format} of {checkpoint.engine}"
        message = f"Expected a checkpoint in layout {FORMAT} of {engine}, got {got}; start with a reset"
        raise CheckpointError(message)
    return checkpoint
