"""What was set aside in a session: by its engines, by the recorder, and by the export itself."""

from __future__ import annotations

from collections import Counter, deque

from bus.codec import Codec
from bus.envelope import RawEvent
from bus.errors import DecodeError
from bus.messages.control import DeadLetter
from bus.topics import DEAD_LETTER
from knotmeter.recorder import event_table, letter_table
from knotmeter.recorder.archive import Archive
from knotmeter.recorder.partitions import DEAD_LETTERS, OPERATIONAL
from knotmeter.session import Letters
from shared import dead_letters
from shared.fleet_settings import RECORDER


class SetAside:
    """Dead letters by who set them aside, the newest of each; one that is said twice counts once.

    An engine that crashed handles again what came after its checkpoint, and so says again what it set aside.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Dead letters in all, by who set them aside."""
        self._kept: dict[str, deque[DeadLetter]] = {}
        self._known: set[tuple[str, DeadLetter]] = set()
        self._codec = Codec([DEAD_LETTER])

    def learn(self, archive: Archive) -> None:
        """Take what a recording holds.

        Raises:
            DataError: a file of it is damaged.
        """
        for table in archive.tables(OPERATIONAL):
            for event in event_table.events(table):
                if event.type == DEAD_LETTER.name:
                    self._learn_event(event)
        # Of very many the recording keeps the newest, but it has counted them all.
        dropped = archive.manifest.n_dead_letters - archive.manifest.n_rows(DEAD_LETTERS)
        if dropped:
            self.counts[RECORDER] += dropped
        for table in archive.tables(DEAD_LETTERS):
            for letter in letter_table.letters(table):
                self.add(RECORDER, letter)

    def add(self, engine: str, letter: DeadLetter) -> None:
        """Take one dead letter."""
        if (engine, letter) in self._known:
            return
        kept = self._kept.setdefault(engine, deque())
        if len(kept) == dead_letters.KEPT:
            self._known.discard((engine, kept.popleft()))
        kept.append(letter)
        self._known.add((engine, letter))
        self.counts[engine] += 1

    def add_event(self, event: RawEvent, error: Exception) -> None:
        """Take an event that is recorded and cannot be exported."""
        self.add(RECORDER, dead_letters.of_event(event, error))

    def letters(self) -> Letters:
        """Dead letters that are kept, in the order of a replay's."""
        found = [(engine, letter) for engine, kept in self._kept.items() for letter in kept]
        return sorted(found, key=lambda pair: (pair[0], pair[1].producer, pair[1].producer_sequence))

    def _learn_event(self, event: RawEvent) -> None:
        where = f"{event.source} {event.epoch}-{event.sequence}"
        try:
            letter = self._codec.decode_payload(event, where).payload
        except DecodeError as error:
            self.add_event(event, error)
        else:
            self.add(event.source, letter)
