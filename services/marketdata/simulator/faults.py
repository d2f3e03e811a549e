"""Faults laid into a simulated flow, and the list of what was done."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct, structs

from bus.records import Array
from services.marketdata.kernel.simulator import layout
from services.marketdata.kernel.simulator.draws import uniforms
from services.marketdata.simulator.schedule import SECOND, Stream, session_opens
from services.marketdata.simulator.settings import SimulatorSettings
from shared.errors import ConstraintError

LONGEST: Final = 30
"""Seconds of a fault at the most."""

SHORTEST_STRETCH: Final = 4
"""Seconds of a session for each fault at the least."""


class FaultKind(StrEnum):
    """What is done to the records."""

    GAP = "gap"
    """All events of the instrument are lost; then come STALE (GAP), SYNCING (SNAPSHOT) and a snapshot."""
    DUPLICATE = "duplicate"
    """One event is told twice."""
    REORDER = "reorder"
    """One event is told after the next one of the instrument, with its own `ts_event`."""
    CROSSED = "crossed"
    """A bid stands at the ask."""
    STALE_CLOCK = "stale_clock"
    """`ts_event` stands still."""


_CODES: Final = {
    FaultKind.GAP: layout.GAP,
    FaultKind.DUPLICATE: layout.DUPLICATE,
    FaultKind.REORDER: layout.REORDER,
    FaultKind.CROSSED: layout.CROSSED,
    FaultKind.STALE_CLOCK: layout.STALE_CLOCK,
}
_KINDS: Final = {code: kind for kind, code in _CODES.items()}


class Fault(Struct, frozen=True, kw_only=True):
    """One fault that was done."""

    kind: FaultKind
    instrument: int
    start: int
    """From when it was looked for an occasion, ns since 1970."""
    stop: int
    """Until when, ns since 1970; what it did to the book is mended then."""
    first_ts: int
    """Time of the first event it struck, ns since 1970."""
    n_records: int
    """Records it struck; of a gap the events that were lost."""


def plan_faults(settings: SimulatorSettings) -> Array:
    """Lay down the faults, as `layout.FAULT`, in the order of time; no two overlap.

    Raises:
        ConstraintError: a session has no room for so many.
    """
    kinds = [_CODES[FaultKind(name)] for name, n in structs.asdict(settings.faults).items() for _ in range(n)]
    plan = np.zeros(settings.sessions * len(kinds), layout.FAULT)
    if not kinds:
        return plan
    stretch = settings.session_seconds // len(kinds)
    if stretch < SHORTEST_STRETCH:
        most = settings.session_seconds // SHORTEST_STRETCH
        raise ConstraintError("faults", f"at most {most} in a session of this length", str(len(kinds)))
    draws = uniforms(settings.seed, Stream.FAULTS, 3 * len(plan)).reshape(-1, len(kinds), 3)
    length = max(1, min(LONGEST, stretch // 2))
    for place, fault in enumerate(plan):
        session, slot = divmod(place, len(kinds))
        draw = draws[session, slot]
        fault["session"] = session
        fault["kind"] = kinds[int(np.argsort(draws[session, :, 0])[slot])]
        fault["instrument"] = int(draw[1] * settings.n_instruments)
        fault["start"] = slot * stretch + int(draw[2] * (stretch - length))
        fault["stop"] = fault["start"] + length
    return plan


def done(settings: SimulatorSettings, faults: Array) -> list[Fault]:
    """What was done so far, in the order of time; a fault that met no event did nothing and is left out."""
    opens = session_opens(settings)
    return [
        Fault(
            kind=_KINDS[int(fault["kind"])],
            instrument=int(fault["instrument"]),
            start=int(opens[fault["session"]]) + int(fault["start"]) * SECOND,
            stop=int(opens[fault["session"]]) + int(fault["stop"]) * SECOND,
            first_ts=int(fault["first_ts"]),
            n_records=int(fault["n_records"]),
        )
        for fault in faults
        if fault["n_records"]
    ]
