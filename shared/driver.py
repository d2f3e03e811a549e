"""Between a runtime and a transport: reads, publishes, keeps the outbox, takes checkpoints."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from bus import checkpoint as checkpoints
from bus import positions
from bus.errors import DuplicateEntryError
from bus.merge import MARKET_DATA
from bus.outbox import MINIMUM_AGE, Outbox, Publication
from bus.positions import Position
from bus.topics import Bus
from bus.transport import EntryId, Transport
from shared import dead_letters, works
from shared.capture import capture, restore
from shared.clock import Clock
from shared.log import get_logger
from shared.runtime import Runtime
from shared.works import Asked

READ_LIMIT: Final = 256
"""Entries read from a stream at a time."""


class Captured(NamedTuple):
    """A checkpoint that was taken and is not yet kept."""

    data: bytes
    covered: int
    """Output sequence it covers."""
    order: int
    """List of the order log that it covers."""
    position: Position
    """Where a reader that is restored from it reads on."""


class Driver:
    """Moves one engine's messages; what it publishes it can publish again."""

    def __init__(
        self, runtime: Runtime, transport: Transport, clock: Clock, outbox_age: int = MINIMUM_AGE
    ) -> None:
        self.runtime = runtime
        self.outbox = Outbox(runtime.spec.name, outbox_age)
        self._transport = transport
        self._clock = clock
        self._log = get_logger(engine=runtime.spec.name)
        self._reads = _buses(runtime)
        self.trim_below: dict[str, EntryId] = {}
        """Positions of the last checkpoint: entries at or below them are needed no more here."""
        self.order = 0
        """List of the order log that the checkpoint covers which was resumed from."""
        self.heard_from: EntryId | None = None
        """Where the life before it began to hear itself, if it had not yet repeated all of that."""
        self.n_refused = 0
        """Publications the server already had."""

    async def pull(self) -> int:
        """Read what is new on the buses this engine reads; returns how many entries."""
        count = 0
        for bus in self._reads:
            entries = await self._transport.read(bus, self.runtime.inputs.positions[bus], READ_LIMIT)
            for entry in entries:
                self.runtime.receive(bus, entry)
            count += len(entries)
        return count

    @property
    def reads(self) -> list[Bus]:
        """Buses this engine reads."""
        return self._reads

    async def push(self) -> list[Publication]:
        """Publish what the runtime has ready, in order, each acknowledged; returns the publications."""
        publications = self.runtime.take()
        for publication in publications:
            # Kept first: one that was left unanswered may have to be said again.
            self.outbox.add(publication, self._clock.now())
            try:
                await self._transport.publish(publication.bus, publication.fields, publication.entry_id)
            except DuplicateEntryError:
                self.n_refused += 1
        self.runtime.handed_out()
        self.runtime.take_applied()
        for asked in self.runtime.works.take_new():
            publications.append(await self._work(asked))
        await self.keep_letters()
        return publications

    def capture(self, order: int = 0, heard_from: EntryId | None = None) -> Captured:
        """Take the runtime's checkpoint; everything it covers must have been acknowledged.

        Args:
            order: list of the order log that it covers; 0 where there is none.
            heard_from: place on Engine Logic behind which the next life has to hear what was said before.
        """
        places = self._needed_positions()
        if heard_from is not None:
            places[Bus.ENGINE_LOGIC] = min(places[Bus.ENGINE_LOGIC], heard_from)
        cursor = self.runtime.inputs.handled().get(MARKET_DATA)
        reads_records = Bus.MARKET_DATA in self._reads
        return Captured(
            data=capture(self.runtime, self.outbox, order, heard_from),
            covered=self.runtime.outputs.sequence,
            order=order,
            position=Position(places=places, records=cursor if reads_records else None),
        )

    async def save(self, captured: Captured) -> None:
        """Keep a checkpoint, then say how far back this engine may still have to read."""
        name = self.runtime.spec.name
        await self._transport.save(checkpoints.key(name), captured.data)
        await positions.save(self._transport, name, captured.position)
        self.outbox.release(captured.covered, self._clock.now())
        self._log.debug("checkpoint saved", output_sequence=captured.covered)
        self.trim_below = captured.position.places

    async def _work(self, asked: Asked) -> Publication:
        """Do a work at once and publish its result."""
        runtime = self.runtime
        epoch = runtime.outputs.epoch
        event = works.do(runtime.engine, runtime.spec.name, asked, epoch, self._clock.now())
        publication = Publication(Bus.ENGINE_LOGIC, {"e": event}, epoch, 0)
        await self._transport.publish(publication.bus, publication.fields)
        return publication

    async def checkpoint(self) -> None:
        """Take a checkpoint and keep it."""
        await self.save(self.capture())

    async def resume(self) -> bool:
        """Go on from the saved checkpoint; False if there is none.

        Raises:
            CheckpointError: there is one that this engine cannot take.
        """
        data = await self._transport.load(checkpoints.key(self.runtime.spec.name))
        if data is None:
            return False
        checkpoint = restore(self.runtime, data, self.outbox, self._clock.now())
        self.order, self.heard_from = checkpoint.order, checkpoint.heard_from
        self.trim_below = self._needed_positions()
        self.runtime.inputs.positions.update(self.trim_below)
        self.runtime.repeat_promise()
        self._log.info("resumed from checkpoint", output_sequence=self.runtime.outputs.sequence)
        return True

    async def recover(self) -> int | None:
        """Publish again what a restarted server lost, and the last promise; None if none was restarted."""
        count = await self.outbox.recover(self._transport)
        if count is not None:
            self.runtime.repeat_promise()
            self._log.warning("server was restarted", n_published_again=count)
        return count

    def _needed_positions(self) -> dict[str, EntryId]:
        """Where a restored engine must read from: market records by cursor, events by place in the stream."""
        places = dict(self.runtime.inputs.positions)
        cursor = self.runtime.inputs.handled().get(MARKET_DATA)
        if cursor is not None:
            places[Bus.MARKET_DATA] = EntryId(cursor.epoch, cursor.sequence)
        return {bus: places[bus] for bus in self._reads}

    async def keep_letters(self) -> None:
        """Keep the dead letters that the runtime has set aside."""
        letters = self.runtime.take_letters()
        first = self.runtime.n_dead_letters - len(letters)
        for offset, letter in enumerate(letters):
            key = dead_letters.key(self.runtime.spec.name, first + offset)
            await self._transport.save(key, msgspec.msgpack.encode(letter))
            origin = f"{letter.producer} {letter.producer_epoch}-{letter.producer_sequence}"
            self._log.info("dead letter", origin=origin, message_type=letter.message_type, error=letter.error)


def _buses(runtime: Runtime) -> list[Bus]:
    """Buses an engine reads: a source reads no market data, everybody reads Engine Logic (commands)."""
    reads_market_data = runtime.spec.record_kinds and not runtime.spec.is_source
    return [Bus.MARKET_DATA, Bus.ENGINE_LOGIC] if reads_market_data else [Bus.ENGINE_LOGIC]
