"""A fleet that goes on without the terminal it was started from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def detach(log: Path, run: Callable[[Callable[[], None]], int]) -> int | None:
    """Run something in a process of its own, with its output in a log, and wait until it is ready.

    Args:
        log: where its output goes.
        run: what runs; it is given what to call when it is ready, and returns an exit status.

    Returns:
        None once it is ready and goes on by itself; its exit status if it ended before.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _go_on(log, run, writing)
    os.close(writing)
    ready = os.read(reading, 1) == b"1"
    os.close(reading)
    if ready:
        return None
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _go_on(log: Path, run: Callable[[Callable[[], None]], int], writing: int) -> NoReturn:
    os.setsid()  # the terminal's Ctrl-C and hang-up are not for us
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    status = 1

    def tell_ready() -> None:
        os.write(writing, b"1")

    try:
        status = run(tell_ready)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
