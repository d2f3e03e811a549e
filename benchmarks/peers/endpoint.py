"""One end of a hop, in any environment: `benchmarks.courier` has a process of this at each end of its way.

It asks in one JSON object a line, and gets one back:

    {"do": "open", "options": {...}, "bodies": file, "size": 184}    -> {"versions": {...}}
    {"do": "send", "n": 1000, "pause": 0.001}                        -> {}
    {"do": "receive", "n": 1000, "file": file}                       -> {}
    {"do": "bounce", "n": 1000, "begins": true, "file": file}        -> {}

A message is its number and the time at which it was made (the performance counter, ns), 8 bytes each, and
the body of that number. What was received is left in a file: the age of each message, 8 bytes each, then the
messages. The task is a module with DISTRIBUTIONS and a class ``End(options)`` that sends, receives or
bounces; ``options["end"]`` is 0 at the end that sends or begins, 1 at the other. A task that has a class
``Worker`` takes requests of its own. It needs the standard library alone. Standard output belongs to the
protocol.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import struct
import sys
from array import array
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns
from types import ModuleType
from typing import Any, Final

HEAD: Final = struct.Struct("<qq")


class Mail:
    """Messages of one sample: those to be sent, and those that came in."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = bodies
        self.ages = array("q")
        self.heard: list[bytes] = []

    def make(self, number: int) -> bytes:
        """The message of a number, made now."""
        return HEAD.pack(number, perf_counter_ns()) + self._bodies[number]

    def hear(self, message: bytes) -> int:
        """Take a message in; returns how many that makes."""
        self.ages.append(perf_counter_ns() - HEAD.unpack_from(message)[1])
        self.heard.append(message)
        return len(self.heard)

    def write(self, file: str) -> None:
        """Leave what came in."""
        Path(file).write_bytes(self.ages.tobytes() + b"".join(self.heard))


class Worker:
    """One end and the bodies of what it says."""

    def __init__(self, task: ModuleType) -> None:
        self._task = task
        self._end: Any = None
        self._bodies: list[bytes] = []

    def open(self, options: dict[str, Any], bodies: str, size: int) -> dict[str, Any]:
        """Connect, and load the bodies, each so many bytes."""
        data = Path(bodies).read_bytes()
        self._bodies = [data[start : start + size] for start in range(0, len(data), size)]
        self._end = self._task.End(options)
        return {"versions": {name: version(name) for name in self._task.DISTRIBUTIONS}}

    def send(self, n: int, pause: float) -> dict[str, Any]:
        """Send so many messages, each some seconds after the last was confirmed."""
        self._end.send(Mail(self._bodies), n, pause)
        return {}

    def receive(self, n: int, file: str) -> dict[str, Any]:
        """Receive so many messages."""
        mail = Mail(self._bodies)
        self._end.receive(mail, n)
        mail.write(file)
        return {}

    def bounce(self, n: int, begins: bool, file: str) -> dict[str, Any]:
        """Say a message for each one heard; the one that begins says its own first."""
        mail = Mail(self._bodies)
        self._end.bounce(mail, n, begins)
        mail.write(file)
        return {}


def main(path: str) -> None:
    """Serve requests until the pipe closes."""
    sys.setswitchinterval(5e-5)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        gc.collect()
        gc.disable()
        try:
            worker = worker or _worker(_load(Path(path)))
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # noqa: BLE001  (the asker decides what a failure means)
            reply = {"error": f"{type(error).__name__}: {error}"}
        gc.enable()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _worker(task: ModuleType) -> Any:
    return task.Worker() if hasattr(task, "Worker") else Worker(task)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv[1])
