"""What an engine hears: decoded, freed of what was seen before, and in the order of event time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bus import codec, frames
from bus.arrival import Arrival
from bus.codec import Codec
from bus.cursors import Cursor, Cursors
from bus.envelope import AnyEvent, RawEvent
from bus.errors import DecodeError
from bus.merge import MARKET_DATA, Merge
from bus.messages.control import DeadLetter
from bus.records import END_OF_TIME, Records
from bus.topics import COMMAND, RESULT, STANDING, WATERMARK, Bus, Input
from bus.transport import BEGINNING, Entry, EntryId
from shared import dead_letters
from shared.lift import Lift
from shared.spec import EngineSpec

# A member of an enum is looked up by a Python function each time: too dear for what is done for each entry.
_MARKET_DATA: Final = Bus.MARKET_DATA


class Inputs:
    """Everything one engine has received and not yet handled."""

    def __init__(
        self, spec: EngineSpec, lanes: Iterable[tuple[str, int]], order: type[Merge | Arrival] = Merge
    ) -> None:
        self._name = spec.name
        own = [Input(topic=COMMAND), Input(topic=RESULT)]
        self._delays = {edge.topic.name: edge.delay for edge in (*spec.inputs, *own)}
        self._codec = Codec([edge.topic for edge in (*spec.inputs, *own)] + [STANDING, WATERMARK])
        self._own_sources = (f"{spec.name}.face", f"{spec.name}.worker")
        self.merge = order([*lanes, *((source, 0) for source in self._own_sources)])
        for source in self._own_sources:  # nobody waits for people or workers
            self.merge.advance(source, END_OF_TIME)
        self.cursors = Cursors()
        self.positions: dict[str, EntryId] = dict.fromkeys(Bus, BEGINNING)
        self._rejected: list[DeadLetter] = []
        self.lift: Lift | None = None
        """Others of a loop of events, whose standings are noted; None outside of loops."""

    def receive(self, bus: Bus, entry: Entry) -> None:
        """Take one stream entry."""
        self.positions[bus] = entry.id
        try:
            if bus is _MARKET_DATA:
                self._receive_frame(entry)
            else:
                self._receive_event(codec.decode_envelope(entry.fields.get("e", b""), ""))
        except DecodeError as error:
            # Where an event stood is put into words only now that somebody wants to know.
            placed = DecodeError(error.expected, error.got, error.where or f"{bus} {entry.id}")
            self._rejected.append(dead_letters.undecodable(bus, entry, placed))

    def feed(self, records: Records) -> None:
        """Take a slice from a source's own feed, whose sequences are the feed's ordinals."""
        if len(records):
            self._offer(records, 1, records.first_sequence, records.last_sequence)

    @property
    def has_rejected(self) -> bool:
        """Whether something could not be decoded since the last call of `take_rejected`."""
        return bool(self._rejected)

    def take_rejected(self) -> list[DeadLetter]:
        """Letters of what could not be decoded since the last call."""
        rejected, self._rejected = self._rejected, []
        return rejected

    def reopen(self, letter: DeadLetter) -> Records | AnyEvent:
        """The input a dead letter holds.

        Raises:
            DecodeError: it still cannot be decoded.
        """
        return dead_letters.reopen(letter, self._codec)

    def wait(self, data: bytes, delay: int) -> None:
        """Put back an event that a checkpoint says was waiting."""
        self.merge.offer_event(self._codec.decode(data, "checkpoint"), delay)

    def delay_of(self, message_type: str) -> int:
        """Declared delay of the edge a message came over, ns."""
        return self._delays[message_type]

    def handled(self) -> dict[str, Cursor]:
        """Cursors to start again from: market records that still wait are read again, events are kept."""
        positions = dict(self.cursors.positions)
        waiting = self.merge.first_waiting_record()
        if waiting is not None:
            positions[MARKET_DATA] = Cursor(positions[MARKET_DATA].epoch, waiting - 1)
        return positions

    def _receive_frame(self, entry: Entry) -> None:
        header, records = frames.decode(entry.fields, f"{_MARKET_DATA} {entry.id}")
        if self._offer(records, header.epoch, header.first_sequence, header.last_sequence):
            self.merge.advance(MARKET_DATA, header.watermark)

    def _offer(self, records: Records, epoch: int, first: int, last: int) -> bool:
        """Let the merge have what is new of a slice; returns whether anything is."""
        new = self.cursors.admit(MARKET_DATA, epoch, first, last)
        if new is None:
            return False
        self.merge.offer_records(records if new == first else records.split_at_sequence(new)[1])
        return True

    def _receive_event(self, raw: RawEvent) -> None:
        source, kind = raw.source, raw.type
        if kind == STANDING.name:
            self._receive_standing(raw)
            return
        if source not in self.merge.sources:
            return
        if kind == WATERMARK.name:
            self.merge.advance(source, self._codec.decode_payload(raw, "").payload.watermark)
        elif self.cursors.admit(source, raw.epoch, raw.sequence, raw.sequence) and kind in self._delays:
            event = self._codec.decode_payload(raw, "")
            if kind != COMMAND.name or event.payload.target == self._name:
                self.merge.offer_event(event, self._delays[kind])

    def _receive_standing(self, raw: RawEvent) -> None:
        if self.lift is not None and raw.source in self.lift.peers:
            self.lift.note(raw.source, raw.sequence, self._codec.decode_payload(raw, "").payload)
