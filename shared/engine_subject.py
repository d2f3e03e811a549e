"""What the HTTP face sees of an engine's service."""

from __future__ import annotations

from typing import Any

from bus.messages.control import DeadLetter
from bus.topics import Bus
from shared import dead_letters
from shared.engine import Engine
from shared.face.subject import CommandReceipt, Readiness, Vitals
from shared.runtime import Runtime
from shared.service import Service
from shared.spec import EngineSpec


class EngineSubject:
    """A `shared.face.subject.Subject` over a service; it reads, and passes commands on."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def spec(self) -> EngineSpec:
        """What the engine declares."""
        return self._service.spec

    @property
    def engine(self) -> Engine[Any]:
        """The engine; one object through all lives."""
        return self._service.engine

    @property
    def runtime(self) -> Runtime:
        """The runtime of the engine's present life."""
        return self._service.runtime

    def readiness(self) -> Readiness:
        """Whether the engine answers with what is known by now."""
        service = self._service
        if service.phase == "ready" and service.finished:
            return Readiness(ready=True, phase="finished", reason=None)
        return Readiness(ready=service.phase == "ready", phase=service.phase, reason=service.reason or None)

    def vitals(self) -> Vitals:
        """Cursors, places and counts of the way between buses and engine."""
        service, inputs, driver = self._service, self.runtime.inputs, self._service.driver
        return Vitals(
            cursors={
                source or Bus.MARKET_DATA.value: (cursor.epoch, cursor.sequence)
                for source, cursor in inputs.cursors.positions.items()
            },
            positions={bus: str(inputs.positions[bus]) for bus in driver.reads},
            outbox_entries=len(driver.outbox),
            unacknowledged=service.sender.in_flight,
            checkpoint_ts_ns=service.checkpoint_ts,
            n_checkpoints=service.n_checkpoints,
            n_recoveries=service.n_recoveries,
            n_refused=driver.n_refused,
            stalled_seconds=service.stalled_seconds,
            run_ids=dict(driver.outbox.run_ids),
        )

    async def command(self, name: str, arguments: dict[str, Any]) -> CommandReceipt:
        """Say a command of a person, and wait until the engine has read it back and applied it.

        Raises:
            CommandTimeoutError: it was not applied in time; it may be later.
        """
        return await self._service.commands.say(name, arguments, self._service)

    async def dead_letters(self, limit: int) -> list[tuple[int, DeadLetter]]:
        """The newest dead letters of this engine, newest first, each with its number."""
        return await dead_letters.newest(self._service.courier, self.spec.name, limit)

    async def dead_letter(self, number: int) -> DeadLetter | None:
        """A dead letter by its number, None if it is not kept."""
        return await dead_letters.find(self._service.courier, self.spec.name, number)

    async def forget_dead_letter(self, number: int) -> None:
        """Keep a dead letter no longer, once its input was handled after all."""
        await self._service.courier.delete(dead_letters.key(self.spec.name, number))
