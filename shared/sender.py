"""What an engine has handed to a bus and not yet seen acknowledged, and what it said in a former life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from bus import codec
from bus.errors import DecodeError
from bus.outbox import Outbox, Publication
from bus.topics import Bus
from bus.transport import BEGINNING, Courier, Entry, EntryId
from shared import works
from shared.clock import Clock
from shared.runtime import Runtime

_PAGE: Final = 1_000


class Sender:
    """Publications of one engine on their way to Engine Logic."""

    def __init__(
        self, engine: str, courier: Courier, clock: Clock, fail: Callable[[Exception], None]
    ) -> None:
        self.in_flight = 0
        """Publications without an answer."""
        self.outbox = Outbox(engine)
        self.on_settled: Callable[[], None] = _nothing
        """Called when the last answer has come."""
        self._engine = engine
        self._courier = courier
        self._clock = clock
        self._fail = fail
        self.answered: set[int] = set()
        """Works of a former life whose results stand on the bus."""
        self._heard_from = BEGINNING
        self._said: set[tuple[int, int]] = set()
        self._settled = asyncio.Event()
        self._settled.set()

    def begin(self, outbox: Outbox) -> None:
        """Forget what was said; the outbox is that of a new life."""
        self.outbox, self._said, self.answered = outbox, set(), set()

    @property
    def heard_from(self) -> EntryId | None:
        """Place behind which the next life has to hear what was said; None once all of it has come again."""
        return self._heard_from if self._said or self.answered else None

    async def hear(self, after: EntryId, runtime: Runtime, take: Callable[[Entry], None]) -> None:
        """Read Engine Logic to its end: what was said already need not be said again.

        Args:
            after: place to begin behind.
            runtime: knows what is behind it, as its checkpoint has it.
            take: gets every entry.
        """
        covered = (runtime.outputs.epoch, runtime.outputs.sequence)
        n_asked, still_open = runtime.works.n_asked, {work.sequence for work in runtime.works.open}
        self._heard_from = place = after
        tail = await self._courier.last_id(Bus.ENGINE_LOGIC)
        while place < tail:
            entries = await self._courier.read(Bus.ENGINE_LOGIC, place, _PAGE)
            if not entries:
                break
            for entry in entries:
                take(entry)
                self._hear(entry.fields.get("e", b""), self._said, self.answered)
            place = entries[-1].id
        self._said = {identity for identity in self._said if identity > covered}
        self.answered = {number for number in self.answered if number > n_asked or number in still_open}

    async def hear_again(self) -> None:
        """After a restart of the server: what it lost of a former life has to be said again after all."""
        if not (self._said or self.answered):
            return
        heard: set[tuple[int, int]] = set()
        answered: set[int] = set()
        place = BEGINNING
        while entries := await self._courier.read(Bus.ENGINE_LOGIC, place, _PAGE):
            place = entries[-1].id
            for entry in entries:
                self._hear(entry.fields.get("e", b""), heard, answered)
        self._said &= heard
        self.answered &= answered

    def send(self, publication: Publication) -> None:
        """Hand an event to the bus, unless it stands there."""
        self.outbox.add(publication, self._clock.now())
        identity = (publication.epoch, publication.sequence)
        if publication.sequence and identity in self._said:
            self._said.discard(identity)
        else:
            self.expect(self._courier.submit(publication.bus, publication.fields))

    def expect(self, answer: asyncio.Future[Any]) -> None:
        """Wait for an answer; one that is an error has the outbox look at the bus."""
        if not self.in_flight:
            self._settled.clear()
        self.in_flight += 1
        answer.add_done_callback(self._answered)

    async def settled(self) -> None:
        """Wait until everything was answered."""
        await self._settled.wait()

    def _hear(self, data: bytes | memoryview, said: set[tuple[int, int]], answered: set[int]) -> None:
        try:
            event = codec.decode_envelope(data, self._engine)
        except DecodeError:
            return
        if event.source == self._engine:
            said.add((event.epoch, event.sequence))
        elif event.source == works.source_of(self._engine):
            answered.add(event.sequence)

    def _answered(self, answer: asyncio.Future[Any]) -> None:
        self.in_flight -= 1
        error = None if answer.cancelled() else answer.exception()
        if isinstance(error, Exception):
            self.outbox.distrust(Bus.ENGINE_LOGIC)
            self._fail(error)
        if not self.in_flight:
            self._settled.set()
            self.on_settled()


def _nothing() -> None:
    """Nobody wants to know."""
