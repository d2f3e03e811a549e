"""Commands of people: said on the bus, and answered when the engine has read them back and applied them.

A command takes effect at an instant of engine time that is fixed before it is said, one nanosecond after the
last input that was handled. Until it comes back the engine handles nothing later. So an engine that is
restored and reads its inputs again applies the command between the same two inputs as before.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from bus import codec
from bus.envelope import Event
from bus.messages.control import Command
from bus.records import END_OF_TIME
from bus.topics import COMMAND
from shared.clock import Clock, wall_ns
from shared.face.subject import CommandReceipt, CommandTimeoutError
from shared.runtime import Applied, Runtime

TIMEOUT_SECONDS: Final = 10.0
"""How long a command is waited for."""


class _Speaker(Protocol):
    """Whose commands they are."""

    @property
    def runtime(self) -> Runtime:
        """The engine's runtime."""

    async def publish_input(self, event: bytes) -> None:
        """Append it to Engine Logic."""

    def advance(self) -> None:
        """Handle what can be handled now."""


class CommandDesk:
    """Commands on their way, of the people who ask one engine's face."""

    def __init__(self, engine: str, clock: Clock) -> None:
        self._engine = engine
        self._source = f"{engine}.face"
        self._clock = clock
        self._epoch = wall_ns()
        """A later process has a higher one."""
        self._sequence = 0
        self._waiting: dict[tuple[int, int], asyncio.Future[str | None]] = {}

    async def say(self, name: str, arguments: dict[str, Any], speaker: _Speaker) -> CommandReceipt:
        """Say a command and wait for its effect.

        Raises:
            CommandTimeoutError: it was not applied in time; it may be later.
        """
        runtime = speaker.runtime
        self._sequence += 1
        identity = (self._epoch, self._sequence)
        event: Event[Command] = Event(
            type=COMMAND.name,
            version=COMMAND.version,
            source=self._source,
            epoch=self._epoch,
            sequence=self._sequence,
            ts_event=runtime.now + 1,
            ts_publish=self._clock.now(),
            payload=Command(target=self._engine, name=name, arguments=arguments),
        )
        if not self._waiting:
            runtime.inputs.merge.hold(self._source, event.ts_event)
        outcome = self._waiting[identity] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await speaker.publish_input(codec.encode(event))
                error = await outcome
        except TimeoutError:
            message = (
                f"Expected `{name}` to be applied within {TIMEOUT_SECONDS:g} s, it was not: `{self._engine}` "
                "waits for market data or for a server; the command may still take effect"
            )
            raise CommandTimeoutError(message) from None
        finally:
            self._waiting.pop(identity, None)
            self._release(runtime)
            speaker.advance()
        return CommandReceipt(
            source=self._source,
            epoch=self._epoch,
            sequence=event.sequence,
            ts_event=event.ts_event,
            outcome="applied" if error is None else "refused",
            error=error,
        )

    def settle(self, applied: Applied, runtime: Runtime) -> None:
        """Answer whoever waits for a command that was applied."""
        waiting = self._waiting.get((applied.epoch, applied.sequence))
        if applied.source == self._source and waiting is not None and not waiting.done():
            waiting.set_result(applied.error)
        self._release(runtime)

    def _release(self, runtime: Runtime) -> None:
        """Nobody waits for people any more once no command is on its way."""
        if all(waiting.done() for waiting in self._waiting.values()):
            runtime.inputs.merge.advance(self._source, END_OF_TIME)
