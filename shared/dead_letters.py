"""Dead letters: inputs that were set aside, with all it takes to try them again."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from bus import codec, frames
from bus.codec import Codec
from bus.envelope import AnyEvent
from bus.errors import DecodeError
from bus.messages.control import DeadLetter
from bus.records import FEED_KINDS, Records
from bus.topics import Bus
from bus.transport import Entry, Transport

KEPT: Final = 10_000
"""Dead letters kept for each engine; the oldest goes first."""

REDRIVE: Final = "redrive"
"""Command every engine's runtime understands: handle a dead letter again, as late data."""

_ENTRY: Final = "entry"


def key(engine: str, number: int) -> str:
    """Where an engine's dead letter is kept."""
    return f"{_prefix(engine)}{number % KEPT:08}"


def _prefix(engine: str) -> str:
    return f"dead-letter/{engine}/"


async def newest(transport: Transport, engine: str, limit: int) -> list[tuple[int, DeadLetter]]:
    """Dead letters of an engine that are kept, newest first, each with the number it is kept under.

    Numbers begin again after `KEPT`; until then the highest is the newest.
    """
    numbers = sorted(
        (int(name.rpartition("/")[2]) for name in await transport.keys(_prefix(engine))), reverse=True
    )
    found = [(number, await find(transport, engine, number)) for number in numbers[:limit]]
    return [(number, letter) for number, letter in found if letter is not None]


async def find(transport: Transport, engine: str, number: int) -> DeadLetter | None:
    """A dead letter of an engine by its number, None if it is not kept."""
    data = await transport.load(key(engine, number))
    return None if data is None else msgspec.msgpack.decode(data, type=DeadLetter)


def undecodable(bus: Bus, entry: Entry, error: DecodeError) -> DeadLetter:
    """Letter of a stream entry that is not what its topic promises."""
    fields = {name: bytes(data) for name, data in entry.fields.items()}
    return DeadLetter(
        producer=bus.value,
        producer_epoch=entry.id.major,
        producer_sequence=entry.id.minor,
        message_type=_ENTRY,
        error=str(error),
        content=msgspec.msgpack.encode(fields),
    )


def of_record(records: Records, epoch: int, error: Exception) -> DeadLetter:
    """Letter of a single record that its handler refused."""
    ((kind, array),) = records
    return DeadLetter(
        producer=Bus.MARKET_DATA.value,
        producer_epoch=epoch,
        producer_sequence=records.first_sequence,
        message_type=kind,
        error=_text(error),
        content=array.tobytes(),
    )


def of_event(event: AnyEvent, error: Exception, redriven_from: int | None = None) -> DeadLetter:
    """Letter of an event that its handler refused."""
    return DeadLetter(
        producer=event.source,
        producer_epoch=event.epoch,
        producer_sequence=event.sequence,
        message_type=event.type,
        error=_text(error),
        content=codec.encode(event),
        redriven_from=redriven_from,
    )


def of_timer(engine: str, due: int, error: Exception) -> DeadLetter:
    """Letter of a call of the timer that raised; nothing of it can be driven again."""
    return DeadLetter(
        producer=engine,
        producer_epoch=0,
        producer_sequence=due,
        message_type="timer",
        error=_text(error),
        content=b"",
    )


def reopen(letter: DeadLetter, decoder: Codec) -> Records | AnyEvent:
    """The input a letter holds.

    Raises:
        DecodeError: it still cannot be decoded.
    """
    where = f"dead letter of {letter.producer} {letter.producer_epoch}-{letter.producer_sequence}"
    if letter.message_type == _ENTRY:
        fields = msgspec.msgpack.decode(letter.content, type=dict[str, bytes])
        return (
            frames.decode(fields, where)[1] if "h" in fields else decoder.decode(fields.get("e", b""), where)
        )
    if letter.message_type in FEED_KINDS:
        return Records({letter.message_type: np.frombuffer(letter.content, FEED_KINDS[letter.message_type])})
    return decoder.decode(letter.content, where)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
