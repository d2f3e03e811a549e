"""What a terminal shows of a running fleet: where it is reached, how far it is, and that it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.status import Status

from knotmeter.fleet.folder import FleetFolder, MemberFile
from shared.clock import monotonic_ns

_LOOK_INTERVAL: Final = 200_000_000
_PLAIN_INTERVAL: Final = 10_000_000_000


class _Manifest(msgspec.Struct, frozen=True):
    """What is read of a recording's manifest."""

    complete: bool = False
    n_records: dict[str, int] = {}
    n_events: dict[str, int] = {}


class FleetView:
    """Follows a fleet through its recording."""

    def __init__(self, console: Console, folder: FleetFolder, *, quiet: bool) -> None:
        self._console = console
        self._place = folder.place
        self._manifest = folder.recording / "manifest.json"
        self._quiet = quiet
        self._looked = 0
        self._spoken = monotonic_ns()
        self._found = _Manifest()
        self._status = Status("starting", console=console)
        if not quiet and console.is_terminal:
            self._status.start()

    def started(self, members: Sequence[MemberFile]) -> None:
        """Tell where everything is reached."""
        if self._quiet:
            return
        seconds = (monotonic_ns() - self._spoken) / 1e9
        self._console.print(f"the fleet in {self._place} is up after {seconds:.1f} s", soft_wrap=True)
        self.tell(members)

    def tell(self, members: Sequence[MemberFile]) -> None:
        """Tell where each process answers."""
        width = max(len(member.name) for member in members)
        for member in members:
            self._console.print(f"  {member.name:{width}}  {member.url}", soft_wrap=True)

    def look(self) -> bool:
        """Look at the recording now and then; returns whether it is complete."""
        now = monotonic_ns()
        if now - self._looked < _LOOK_INTERVAL:
            return self._found.complete
        self._looked = now
        try:
            self._found = msgspec.json.decode(self._manifest.read_bytes(), type=_Manifest)
        except (FileNotFoundError, msgspec.MsgspecError):
            return False
        self._show(now)
        return self._found.complete

    def ended(self) -> None:
        """Show nothing any more."""
        self._status.stop()

    def _show(self, now: int) -> None:
        n_records, n_events = sum(self._found.n_records.values()), sum(self._found.n_events.values())
        text = f"recorded {n_records:,} records, {n_events:,} events"
        if self._console.is_terminal:
            self._status.update(text)
        elif not self._quiet and now - self._spoken >= _PLAIN_INTERVAL:
            self._spoken = now
            self._console.print(text, soft_wrap=True)
