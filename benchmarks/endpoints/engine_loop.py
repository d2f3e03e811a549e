"""Our transport as an engine has it: on its one uvloop loop, called back on arrival."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import uvloop

from bus.redis import Address, RedisTransport
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId

DISTRIBUTIONS: Final = ("uvloop", "hiredis")


class End:
    """One transport; both buses are streams of one server."""

    def __init__(self, options: dict[str, Any]) -> None:
        address = Address(path=options["path"], user=options["user"], secret=options["secret"])
        self._loop = uvloop.new_event_loop()
        self._transport = RedisTransport(dict.fromkeys(Bus, address))
        self._places: dict[Bus, EntryId] = {}

    def send(self, mail: Any, n: int, pause: float) -> None:
        """Publish on MarketData, each once the last was acknowledged."""
        self._run(self._send(mail, n, pause))

    def receive(self, mail: Any, n: int) -> None:
        """Hear what comes on MarketData."""
        self._run(self._listen(Bus.MARKET_DATA, lambda message: mail.hear(message) == n))

    def bounce(self, mail: Any, n: int, begins: bool) -> None:
        """Say on one bus and hear on the other."""
        says, hears = (Bus.MARKET_DATA, Bus.ENGINE_LOGIC) if begins else (Bus.ENGINE_LOGIC, Bus.MARKET_DATA)
        self._run(self._bounce(mail, n, says, hears))

    async def _send(self, mail: Any, n: int, pause: float) -> None:
        await self._transport.run_id(Bus.MARKET_DATA)  # connects
        for number in range(n):
            await asyncio.sleep(pause)
            await self._transport.submit(Bus.MARKET_DATA, {"e": mail.make(number)})

    async def _bounce(self, mail: Any, n: int, says: Bus, hears: Bus) -> None:
        outcomes = []

        def say(number: int) -> None:
            outcomes.append(self._transport.submit(says, {"e": mail.make(number)}))

        def heard(message: bytes) -> bool:
            count: int = mail.hear(message)
            if says is Bus.ENGINE_LOGIC:
                say(count - 1)
            elif count < n:
                say(count)
            return count == n

        await self._transport.run_id(says)  # connects
        if says is Bus.MARKET_DATA:
            say(0)
        await self._listen(hears, heard)
        await asyncio.gather(*outcomes)

    async def _listen(self, bus: Bus, heard: Any) -> None:
        places = {bus: self._places.get(bus, BEGINNING)}
        done = asyncio.get_running_loop().create_future()

        def step() -> None:
            while arrived := self._transport.arrived(places):
                for entry in arrived[bus]:
                    if heard(entry.fields["e"]):
                        done.set_result(None)
                    places[bus] = entry.id

        self._transport.on_arrival = step
        step()
        await done
        self._transport.on_arrival = None
        self._places.update(places)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop.run_until_complete(work)
