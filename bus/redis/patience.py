"""How long a server is waited for."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of every wait, seconds."""

    stall: float = 5.0
    """A server that owes a reply and sends nothing for so long is given up."""
    reconnect: float = 30.0
    """So long a lost server is looked for; the time it takes to load its log does not count."""
    block: float = 1.0
    """So long one blocking read lasts; it is asked again unnoticed."""
    first_delay: float = 0.01
    """Pause before the second attempt to connect; each further one is twice as long..."""
    longest_delay: float = 1.0
    """...up to this."""

    def delays(self) -> Iterator[float]:
        """Pauses between attempts, without end: doubling to the longest, each cut at random by up to half.

        Engines that lost the same server at the same moment so do not return at the same moment.
        """
        delay = self.first_delay
        while True:
            yield delay * random.uniform(0.5, 1.0)
            delay = min(2 * delay, self.longest_delay)
