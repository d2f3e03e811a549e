"""The trimmer: how far each stream may be cut, and who keeps it from being cut further.

A stream is trimmed below the lowest place that a required reader would read from if it were restored now; and
of what nobody needs any more the newest `keep_seconds` stay, for whoever looks in, unless memory is short.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from bus import positions
from bus.errors import CheckpointError
from bus.positions import Position
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId, Transport
from shared.clock import monotonic_ns
from shared.log import get_logger

SHORT_OF_MEMORY: Final = 0.75
"""Share of a server's memory from which on nothing is kept that nobody needs."""

_MARKS: Final = 128
"""About how many places are remembered over `keep_seconds`."""


class Usage(NamedTuple):
    """Memory of a server, bytes."""

    used: int
    limit: int
    """0 where it has none."""

    @property
    def is_short(self) -> bool:
        """Whether little is left."""
        return self.limit > 0 and self.used >= SHORT_OF_MEMORY * self.limit


class Decision(NamedTuple):
    """How far a stream may be cut."""

    through: EntryId
    """Last entry that may go."""
    held_back_by: str | None
    """Reader that keeps entries which would go otherwise; None if there is none."""


class Trimmer:
    """Cuts both streams for the one process that does so."""

    def __init__(
        self,
        readers: Mapping[Bus, Sequence[str]],
        keep_seconds: float,
        now: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._readers = {bus: tuple(names) for bus, names in readers.items()}
        self._keep = round(keep_seconds * 1e9)
        self._now = now
        self._marks: dict[Bus, deque[tuple[int, EntryId]]] = {bus: deque() for bus in Bus}
        self._seen = dict.fromkeys(Bus, BEGINNING)
        self._aged = dict.fromkeys(Bus, BEGINNING)
        self._last = dict.fromkeys(Bus, BEGINNING)
        self._log = get_logger()
        self.held_back_by: dict[str, str | None] = {}
        """Who holds each bus back, as found by the last `trim`."""

    def see(self, bus: Bus, entry_id: EntryId) -> None:
        """Note that a bus has been read so far by now."""
        self._seen[bus] = max(self._seen[bus], entry_id)
        marks = self._marks[bus]
        if marks and (marks[-1][1] >= entry_id or self._now() - marks[-1][0] < self._keep // _MARKS):
            return
        marks.append((self._now(), entry_id))

    def forget(self, bus: Bus) -> None:
        """A server was restarted: what was cut off may be in its stream again."""
        self._last[bus] = BEGINNING

    def decide(self, bus: Bus, places: Mapping[str, Position | None], *, is_short: bool = False) -> Decision:
        """How far a bus may be cut.

        Args:
            bus: which stream.
            places: position of every required reader of it, None for one that has saved none.
            is_short: whether its server is short of memory.
        """
        # A position that says nothing of this bus is none: it holds everything.
        places = {
            name: position if position is not None and bus.value in position.places else None
            for name, position in places.items()
        }
        needed = positions.lowest(places, bus)
        wanted = self._seen[bus] if is_short else self._aged_out(bus)
        return Decision(min(needed, wanted), _slowest(places, bus) if needed < wanted else None)

    async def trim(
        self,
        transport: Transport,
        own: Mapping[str, Position],
        usage: Mapping[Bus, Usage] | None = None,
    ) -> dict[Bus, int]:
        """Cut both streams as far as may be; returns how many entries went.

        Args:
            transport: to both servers.
            own: positions known here, which count instead of saved ones.
            usage: memory of the servers where it is known.

        Raises:
            BusError: a server was lost or refuses.
        """
        names = {name for readers in self._readers.values() for name in readers if name not in own}
        saved = {name: await self._load(transport, name) for name in sorted(names)}
        places: dict[str, Position | None] = {**saved, **own}
        gone = {}
        for bus, readers in self._readers.items():
            is_short = usage is not None and bus in usage and usage[bus].is_short
            decision = self.decide(bus, {name: places[name] for name in readers}, is_short=is_short)
            self.held_back_by[bus.value] = decision.held_back_by
            if decision.through > self._last[bus]:
                gone[bus] = await transport.trim(bus, decision.through)
                self._last[bus] = decision.through
        return gone

    def _aged_out(self, bus: Bus) -> EntryId:
        """Last entry that was seen `keep_seconds` ago or before."""
        marks, due = self._marks[bus], self._now() - self._keep
        while marks and marks[0][0] <= due:
            self._aged[bus] = max(self._aged[bus], marks.popleft()[1])
        return self._aged[bus]

    async def _load(self, transport: Transport, reader: str) -> Position | None:
        try:
            return await positions.load(transport, reader)
        except CheckpointError as error:
            self._log.warning("a reader's position cannot be read; nothing is trimmed", error=str(error))
            return None


def _slowest(places: Mapping[str, Position | None], bus: Bus) -> str:
    """The reader that needs the earliest entry of a bus."""

    def place(name: str) -> EntryId:
        position = places[name]
        return BEGINNING if position is None else position.places[bus]

    return min(sorted(places), key=place)
