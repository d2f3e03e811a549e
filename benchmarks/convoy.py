"""One writer of market data and its readers, each a process with an event loop and a transport of its own.

Every sample is checked: each reader has as many records as were written, and the same sum of all their bits.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.answers import Answer, AnswerError
from benchmarks.courier import ENDPOINTS, Ages
from benchmarks.harness import Contender
from benchmarks.process import Process

TASK: Final = ENDPOINTS / "record_flow.py"


class Load(NamedTuple):
    """How records are sent."""

    n: int
    """Records in a sample."""
    batch: int
    """Most records in a frame."""
    in_flight: int
    """Most frames that are not acknowledged yet."""
    rate: float | None = None
    """Records a second; None sends as fast as frames are acknowledged."""


class Sample(NamedTuple):
    """What one sample gave."""

    n: int
    """Records of the sample."""
    elapsed_ns: int
    """From the first publication until the last reader had the last record in view."""
    ages: Ages
    """Age of the oldest record of each frame as it came into view of each reader, ns."""


class Convoy:
    """A writer and its readers, started once for many samples."""

    def __init__(self, options: Mapping[str, Any], n_readers: int, most_records: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="knotmeter-")
        self.n_readers = n_readers
        python = Path(sys.executable)
        self._writer, *self._readers = (
            Process("the convoy", python, TASK, isolated=False) for _ in range(1 + n_readers)
        )
        for place, process in enumerate((self._writer, *self._readers)):
            n_records = 0 if place else most_records
            process.ask({"do": "open", "options": {**options, "n_records": n_records}})
        for process in (self._writer, *self._readers):
            process.reply()

    def carry(self, load: Load) -> Sample:
        """Take one sample, and empty the stream after it.

        Raises:
            AnswerError: a reader did not get exactly what was written.
        """
        for place, reader in enumerate(self._readers):
            reader.ask({"do": "read", "n": load.n, "file": str(self._file(place))})
        self._writer.ask({"do": "write", **load._asdict()})
        written = self._writer.reply()
        read = [reader.reply() for reader in self._readers]
        for reply in read:
            found = (reply["count"], reply["checksum"])
            if found != (load.n, written["checksum"]):
                message = (
                    f"expected {load.n} records of sum {written['checksum']}, read {found[0]} of {found[1]}"
                )
                raise AnswerError(message)
        self._writer.ask({"do": "trim"})
        self._writer.reply()
        ages = [np.frombuffer(self._file(place).read_bytes(), np.int64) for place in range(len(read))]
        elapsed = max(reply["ended"] for reply in read) - written["began"]
        return Sample(load.n, elapsed, np.concatenate(ages))

    def close(self) -> None:
        """End all processes."""
        for process in (self._writer, *self._readers):
            process.close()
        self._folder.cleanup()

    def _file(self, place: int) -> Path:
        return Path(self._folder.name) / f"ages-{place}"


class Carried(Contender):
    """One way to send records over a convoy; a call is a sample."""

    def __init__(self, name: str, convoy: Convoy, load: Load) -> None:
        self.name = name
        self._convoy = convoy
        self._load = load

    def prepare(self) -> None:
        """Nothing: the convoy is there."""

    def answer(self) -> Answer:
        """Records read of one sample; its sum was held against the writer's."""
        self._convoy.carry(self._load)
        return {"is_whole": np.array([1])}

    def run(self, calls: int) -> int:
        """Time so many samples, each of which is checked."""
        return sum(self._convoy.carry(self._load).elapsed_ns for _ in range(calls))
