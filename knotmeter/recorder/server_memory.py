"""How much memory the two servers use, asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bus.redis.address import Address
from bus.redis.commands import command
from bus.redis.link import Link
from bus.redis.patience import Patience
from bus.topics import Bus
from knotmeter.recorder.trimmer import Usage


class ServerMemory:
    """Asks both servers, over connections of its own."""

    def __init__(self, addresses: Mapping[Bus, Address], patience: Patience | None = None) -> None:
        patience = patience or Patience()
        self._links = {bus: Link(address, patience) for bus, address in addresses.items()}

    async def usage(self) -> dict[Bus, Usage]:
        """Memory of each server; one that does not say is left out.

        Raises:
            BusError: a server was lost.
        """
        found = {}
        for bus, link in self._links.items():
            usage = parse(await link.ask(command(b"INFO", b"memory")))
            if usage is not None:
                found[bus] = usage
        return found

    def close(self) -> None:
        """Close the connections."""
        for link in self._links.values():
            link.drop("the recorder has ended")


def parse(reply: Any) -> Usage | None:
    r"""Read the reply to ``INFO memory``; None if it does not say.

    >>> parse(b"# Memory\r\nused_memory:1024\r\nmaxmemory:4096\r\n")
    Usage(used=1024, limit=4096)
    """
    if not isinstance(reply, bytes):
        return None
    pairs = (line.partition(b":") for line in reply.split(b"\r\n"))
    numbers = {name: int(value) for name, _, value in pairs if name in {b"used_memory", b"maxmemory"}}
    if len(numbers) < 2:
        return None
    return Usage(numbers[b"used_memory"], numbers[b"maxmemory"])
