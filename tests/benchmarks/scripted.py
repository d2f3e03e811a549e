"""Contenders that take as long as they are told, and write down when they were asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.answers import Answer
from benchmarks.harness import SAMPLE_NS, Contender, MissingError


class Scripted(Contender):
    """Takes the next cost of a list at each sample; its first run tells how many calls a sample has."""

    def __init__(
        self, name: str, costs: Sequence[int], values: Sequence[float] = (1.0,), log: list[str] | None = None
    ) -> None:
        self.name = name
        self._costs = list(costs)
        self._values = values
        self._log = [] if log is None else log

    def prepare(self) -> None:
        """Write down that it was prepared."""
        self._log.append(f"prepare {self.name}")

    def answer(self) -> Answer:
        """Give the values."""
        self._log.append(f"answer {self.name}")
        return {"value": np.array(self._values)}

    def run(self, calls: int) -> int:
        """Give the next cost, ns, for any number of calls; a sample is always one call."""
        self._log.append(f"run {self.name}")
        return SAMPLE_NS if not self._has_warmed() else calls * self._costs.pop(0)

    def _has_warmed(self) -> bool:
        return self._log.count(f"run {self.name}") > 1


class Absent(Scripted):
    """Cannot take part."""

    def prepare(self) -> None:
        """Say why it cannot take part."""
        message = "nobody made it"
        raise MissingError(message)
