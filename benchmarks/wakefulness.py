"""Keeping the cores awake, so that a wake-up does not have to wait for a core that has gone to sleep."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.harness import MissingError

SPINNER: Final = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(flush=True)
while os.getppid() == int(sys.argv[2]):
    for _ in range(100_000):
        pass
"""
"""Gives way to anything else that wants its core, and ends with who started it."""


@contextmanager
def cores_awake() -> Iterator[None]:
    """While it lasts, no core of ours sleeps.

    Raises:
        MissingError: this system cannot run a program only when nothing else wants to run.
    """
    if not hasattr(os, "SCHED_IDLE"):
        message = "expected a system with the scheduling policy SCHED_IDLE, found none"
        raise MissingError(message)
    spinners = []
    try:
        for core in os.sched_getaffinity(0):
            command = [sys.executable, "-I", "-c", SPINNER, str(core), str(os.getpid())]
            spinners.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for spinner in spinners:
            assert spinner.stdout is not None
            if not spinner.stdout.readline():
                message = "expected to be let run a program at the policy SCHED_IDLE, was refused"
                raise MissingError(message)
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.communicate()
