"""The contract of an engine: a typed state, and handlers that return what to publish.

The runtime calls, in the order of (time visible, source rank, sequence) and never concurrently:

* ``on_records(records)`` for a slice of the MarketData flow, of the kinds the spec consumes;
* ``on_<type>(event)`` for each event of a topic the spec consumes;
* ``on_command(event)`` for commands addressed to this engine, if the engine takes commands;
* ``on_timer(now)`` at multiples of ``timer_seconds`` of engine time, if the engine has timers;
* ``on_result(event)`` for what its workers found, if it asks for works.

How long a slice is carries no meaning: the outputs for two slices are those for their union. A handler is
synchronous, does no I/O, reads no clock, and **checks before it assigns: if it raises, the state is as
before**. The runtime then tries halves of the slice, so that a bad record costs that record alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from bus.records import Records
from shared.instruments import Instruments

State = TypeVar("State", bound=msgspec.Struct)
"""Everything an engine remembers; NumPy arrays, numbers, strings, lists and dicts of them."""


class Emit(NamedTuple):
    """A payload to publish, and the record that caused it."""

    payload: msgspec.Struct
    sequence: int = 0
    """Sequence of the market record that caused it; unused when the input was an event."""


class Work(NamedTuple):
    """Long work to be done beside the engine; returned by handlers of events and by `Engine.on_timer`.

    Not by ``on_records``: how far a slice goes is no instant.
    """

    name: str
    arguments: dict[str, Any]
    """All that the work needs: a copy of the state, never the state itself; plain, as MessagePack has it."""
    delay_seconds: float = 0.0
    """Engine time after which the result takes effect; until then the engine goes on."""


class Engine(Generic[State]):
    """Base of every engine; the only writer of its state.

    A subclass names its ``State``, takes its settings in the constructor, and has the handlers of its spec.
    ``instruments`` is kept by the runtime from the instrument records on the bus and is checkpointed with
    the state.
    """

    state_version: ClassVar[int] = 1
    """Raised when the meaning of the state changes; see `migrate`."""

    timer_seconds: ClassVar[float | None] = None
    """Interval of `on_timer`; None for an engine without timers."""

    state: State
    instruments: Instruments

    def __init__(self, config: Any, state: State) -> None:
        self.config = config
        self.state = state
        self.instruments = Instruments()

    def on_records(self, records: Records) -> Iterable[Emit] | Records:
        """Handle a slice of the record flow; only sources return records."""
        raise NotImplementedError

    def on_timer(self, now: int) -> Iterable[Emit | Work]:
        """Called at multiples of ``timer_seconds`` of engine time: see `shared.timer`.

        Args:
            now: the multiple, ns.
        """
        raise NotImplementedError

    def work(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do a `Work` that this engine asked for; called in another thread, so it may not look at the state.

        Raises:
            LookupError: the engine has no such work.
        """
        raise LookupError(name)

    def measure(self) -> Mapping[str, float]:
        """Domain metrics now, exactly those the spec declares."""
        return {}

    def summary(self) -> list[dict[str, Any]]:
        """One row for each thing a person would ask about first, e.g. each instrument."""
        return []

    @classmethod
    def migrate(cls, version: int, state: Any) -> Any:
        """Turn the plain content of an older state into today's.

        Raises:
            LookupError: there is no way from ``version``; the checkpoint is then refused.
        """
        raise LookupError(version)
