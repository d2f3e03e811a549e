"""What the face may know of its process: a `Subject`, and what it says of itself.

The face reads and never writes. What changes state goes out as a command and is answered after it was read
back from the bus and applied.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from bus.messages.control import DeadLetter
from shared.engine import Engine
from shared.errors import KnotmeterError
from shared.runtime import Runtime
from shared.spec import EngineSpec

Phase = Literal["starting", "warming", "recovering", "catching_up", "ready", "draining", "finished", "failed"]
"""Where a process stands between its start and its end."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a process answers with figures that are up to date."""

    ready: bool
    phase: Phase
    reason: str | None = None
    """What it waits for or why it stopped; None where the phase says it all."""


class Vitals(msgspec.Struct, frozen=True, kw_only=True):
    """How a process stands with its two buses."""

    cursors: dict[str, tuple[int, int]] = {}
    """Epoch and sequence of the last message taken from each producer."""
    positions: dict[str, str] = {}
    """Entry id that each bus was read up to, such as ``1-250``."""
    outbox_entries: int = 0
    """Publications kept to be said again if a server loses them."""
    unacknowledged: int = 0
    """Publications that no server has confirmed yet."""
    checkpoint_ts_ns: int | None = None
    """Wall time of the last checkpoint, ns; None before the first."""
    n_checkpoints: int = 0
    n_recoveries: int = 0
    """Times the connection to a server was lost and found again, or a server came back as another run."""
    n_refused: int = 0
    """Publications that the server had already."""
    stalled_seconds: float = 0.0
    """How long nothing could be published, for want of room or of a server."""
    run_ids: dict[str, str] = {}
    """Run of the server of each bus."""


class CommandReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was published, read back and handled."""

    source: str
    epoch: int
    sequence: int
    ts_event: int
    """Engine time at which it took effect, ns."""
    outcome: Literal["applied", "refused"]
    error: str | None = None
    """Why it was refused."""


class CommandTimeoutError(KnotmeterError):
    """A command was published and not read back in time: it may still take effect."""


class Subject(Protocol):
    """The process behind a face."""

    @property
    def spec(self) -> EngineSpec:
        """What its engine declares."""

    @property
    def engine(self) -> Engine[Any]:
        """Its engine; asked between two steps of the runtime, so every answer is of one whole state."""

    @property
    def runtime(self) -> Runtime:
        """What moves its messages: counts, engine time, watermark and the latency recorder."""

    def readiness(self) -> Readiness:
        """Whether it is ready, and if not, why."""

    def vitals(self) -> Vitals:
        """How it stands with its buses."""

    async def command(self, name: str, arguments: dict[str, Any]) -> CommandReceipt:
        """Publish a command to itself; returns once it was read back and handled.

        Raises:
            CommandTimeoutError: it was not read back in time.
        """

    async def dead_letters(self, limit: int) -> list[tuple[int, DeadLetter]]:
        """The last inputs that were set aside, newest first, each with its number."""

    async def dead_letter(self, number: int) -> DeadLetter | None:
        """One input that was set aside; None if there is none of this number any more."""

    async def forget_dead_letter(self, number: int) -> None:
        """Keep an input no longer that was set aside and has been handled since."""
