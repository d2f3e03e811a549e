"""Long work of an engine: asked for at an instant, done beside it, and effective at an instant fixed before.

An engine hands out a `shared.engine.Work`; a worker does it on what the work says, never on the engine's
state, and its result comes back over the bus as a `result` event. When it takes effect is fixed when it is
asked for, and the engine handles nothing later until it is there: so a replay, a crash and another machine
give the same. A work that was asked for and not yet answered stands in the checkpoint and is done again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bus import codec
from bus.envelope import Event
from bus.messages.control import Result
from bus.topics import RESULT
from shared.engine import Engine, Work


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A work that was asked for."""

    sequence: int
    """Number of the work, and of its result."""
    ts_event: int
    """When its result takes effect, ns of engine time."""
    name: str
    arguments: dict[str, Any]


class Works:
    """Works of one engine that are under way."""

    def __init__(self) -> None:
        self.n_asked = 0
        self.open: list[Asked] = []
        """Asked for and not yet answered."""
        self._new: list[Asked] = []

    def ask(self, work: Work, now: int) -> None:
        """Note a work that is asked for now; results take effect in the order of the works."""
        self.n_asked += 1
        after = now + max(round(work.delay_seconds * 1e9), 1)
        earliest = self.open[-1].ts_event if self.open else after
        asked = Asked(
            sequence=self.n_asked,
            ts_event=max(after, earliest),
            name=work.name,
            arguments=work.arguments,
        )
        self.open.append(asked)
        self._new.append(asked)

    def answered(self, sequence: int) -> None:
        """The result of a work was handled."""
        self.open = [asked for asked in self.open if asked.sequence != sequence]

    def take_new(self) -> list[Asked]:
        """Works to be done that were asked for since the last call."""
        new, self._new = self._new, []
        return new

    def restore(self, n_asked: int, still_open: list[Asked]) -> None:
        """Go on from a checkpoint: what was not answered is to be done."""
        self.n_asked, self.open, self._new = n_asked, list(still_open), list(still_open)


def do(engine: Engine[Any], name: str, asked: Asked, epoch: int, ts_publish: int) -> bytes:
    """Do a work and encode its result as the event of the engine's worker; a failure is a result too."""
    outcome: dict[str, Any] = {}
    problem = None
    try:
        outcome = engine.work(asked.name, asked.arguments)
    except Exception as error:  # noqa: BLE001 - the engine is told, and decides
        problem = f"{type(error).__name__}: {error}"
    result = Result(target=name, name=asked.name, arguments=outcome, error=problem)
    event: Event[Result] = Event(
        type=RESULT.name,
        version=RESULT.version,
        source=source_of(name),
        epoch=epoch,
        sequence=asked.sequence,
        ts_event=asked.ts_event,
        ts_publish=ts_publish,
        payload=result,
    )
    return codec.encode(event)


def source_of(engine: str) -> str:
    """Who says the results of an engine's works."""
    return f"{engine}.worker"
