"""What a run says, counted and, where there is an output folder, written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from bus.envelope import AnyEvent
from bus.records import Records
from knotmeter.output.folder import OutputFolder
from knotmeter.output.tables import EVENTS, KEPT_KINDS, raw_name
from shared.event_log import line


class Recording:
    """Observer of a fleet."""

    def __init__(self, folder: OutputFolder | None = None, counts: Mapping[str, int] | None = None) -> None:
        self._folder = folder
        self.counts: Counter[str] = Counter(counts or {})
        """Events by type."""
        if folder is not None:
            folder.append(EVENTS, b"")

    def event(self, event: AnyEvent) -> None:
        """Next event of the canonical log."""
        self.counts[event.type] += 1
        if self._folder is not None:
            self._folder.append(EVENTS, line(event) + b"\n")

    def records(self, records: Records) -> None:
        """Next slice of the record flow."""
        if self._folder is None:
            return
        for kind in KEPT_KINDS:
            if len(records[kind]):
                self._folder.append(raw_name(kind), records[kind].tobytes())
