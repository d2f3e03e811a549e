"""Carrying messages from one process to another: two workers, one at each end, asked over pipes.

Every sample is checked as a whole: each message once, in order, the same bytes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import AnswerError
from benchmarks.peer import interpreter
from benchmarks.process import Process

ENDPOINTS: Final = Path(__file__).parent / "endpoints"
HEAD_BYTES: Final = 16
"""Number of the message and the time it was made at."""
MESSAGE_BYTES: Final = 200
Ages = NDArray[np.int64]


class Route(NamedTuple):
    """What the two ends of a courier run."""

    name: str
    """How it is called in tables."""
    task: Path
    """Module with a class ``End``."""
    options: Mapping[str, Any]
    """What it is told: where the server is, and the like."""
    environment: str | None = None
    """Environment of a peer; None for the project's own."""


class Courier:
    """Two processes and the way between them."""

    def __init__(self, route: Route, *, install: bool, versions: dict[str, str]) -> None:
        self.name = route.name
        self._route = route
        self._install = install
        self._versions = versions
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ends: list[Process] = []
        self._bodies: NDArray[np.uint8]

    def prepare(self, n: int) -> None:
        """Start both ends, for samples of at most ``n`` messages.

        Raises:
            MissingError: it cannot take part on this machine.
        """
        environment = self._route.environment
        python = Path(sys.executable)
        if environment is not None:
            python = interpreter(environment, install=self._install)
        self._folder = tempfile.TemporaryDirectory(prefix="knotmeter-")
        shape = (n, MESSAGE_BYTES - HEAD_BYTES)
        self._bodies = np.random.default_rng(n).integers(0, 256, shape, np.uint8)
        file = Path(self._folder.name) / "bodies"
        file.write_bytes(self._bodies.tobytes())
        for _ in range(2):
            self._ends.append(Process(self.name, python, self._route.task, isolated=environment is not None))
        for place, end in enumerate(self._ends):
            options = {**self._route.options, "end": place}
            end.ask({"do": "open", "options": options, "bodies": str(file), "size": shape[1]})
        for end in self._ends:
            self._versions.update(end.reply()["versions"])

    def carry(self, n: int, pause: float) -> Ages:
        """Send ``n`` messages one at a time, each some seconds after the last; returns their ages, ns.

        Raises:
            AnswerError: not every message came once, in order, as it was sent.
        """
        sender, receiver = self._ends
        receiver.ask({"do": "receive", "n": n, "file": self._file(0)})
        sender.ask({"do": "send", "n": n, "pause": pause})
        self._replies()
        return self._received(n, 0)

    def bounce(self, n: int) -> Ages:
        """Let the ends answer each other ``n`` times; returns the ages of the messages of both, ns.

        Raises:
            AnswerError: not every message came once, in order, as it was sent.
        """
        for place, end in enumerate(self._ends):
            end.ask({"do": "bounce", "n": n, "begins": place == 0, "file": self._file(place)})
        self._replies()
        return np.concatenate([self._received(n, place) for place in range(2)])

    def close(self) -> None:
        """End both processes."""
        for end in self._ends:
            end.close()
        self._ends.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _replies(self) -> None:
        try:
            for end in self._ends:
                end.reply()
        except AnswerError:
            self.close()
            raise

    def _file(self, place: int) -> str:
        assert self._folder is not None
        return str(Path(self._folder.name) / f"heard-{place}")

    def _received(self, n: int, place: int) -> Ages:
        data = Path(self._file(place)).read_bytes()
        return received(data, self._bodies[:n])


def received(data: bytes, bodies: NDArray[np.uint8]) -> Ages:
    """Ages of the messages that an end left, which have to be these.

    Raises:
        AnswerError: not every message came once, in order, as it was sent.
    """
    n = len(bodies)
    wanted = n * (8 + HEAD_BYTES + bodies.shape[1])
    if len(data) != wanted:
        message = f"expected {n} messages in {wanted} bytes, received {len(data)}"
        raise AnswerError(message)
    messages = np.frombuffer(data, np.uint8, offset=8 * n).reshape(n, -1)
    numbers = messages[:, :8].copy().view(np.int64)[:, 0]
    wrong = np.flatnonzero(numbers != np.arange(n))
    if len(wrong):
        message = f"expected message {wrong[0]}, received {numbers[wrong[0]]} ({len(wrong)} of {n} differ)"
        raise AnswerError(message)
    wrong = np.flatnonzero((messages[:, HEAD_BYTES:] != bodies).any(axis=1))
    if len(wrong):
        message = f"expected message {wrong[0]} as it was sent, received other bytes ({len(wrong)} of {n})"
        raise AnswerError(message)
    return np.frombuffer(data, np.int64, n)
