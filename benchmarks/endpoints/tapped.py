"""The command line of this project with a tap on its bus in memory: what passed is left in a file at the end.

python -m benchmarks.endpoints.tapped FILE up --single …
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.logbook import Logbook
from bus.frames import Fields
from bus.memory import MemoryTransport
from bus.topics import Bus
from bus.transport import EntryId
from knotmeter.__main__ import main


def run(file: Path, arguments: list[str]) -> int:
    """Run one command; returns its exit status."""
    passed: dict[Bus, list[Fields]] = {bus: [] for bus in Bus}
    append = MemoryTransport.append

    def tapped(self: Any, bus: Bus, fields: Fields, entry_id: EntryId | None = None) -> EntryId:
        passed[bus].append(fields)
        return append(self, bus, fields, entry_id)

    setattr(MemoryTransport, "append", tapped)  # noqa: B010 - said aloud: this replaces a method
    status = main(arguments)
    Logbook.of(passed[Bus.MARKET_DATA], passed[Bus.ENGINE_LOGIC]).write(file)
    return status


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
