"""A worker process that is asked in one JSON object a line, and answers in one."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from benchmarks.answers import AnswerError
from benchmarks.harness import MissingError
from benchmarks.peer import SOURCES

ROOT: Final = Path(__file__).parent.parent
DEADLINE: Final = 60.0
"""Seconds after which a worker that says nothing has failed."""


class Process:
    """One worker of ``benchmarks/peers/endpoint.py``.

    Args:
        name: how it is called in messages.
        python: interpreter of its environment.
        task: module that it runs.
        isolated: whether it sees its environment alone, and nothing of the project.
    """

    def __init__(self, name: str, python: Path, task: Path, *, isolated: bool) -> None:
        self._name = name
        options: Sequence[str] = ("-I",) if isolated else ()
        command = [str(python), *options, str(SOURCES / "endpoint.py"), str(task)]
        environment = os.environ if isolated else {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(self._pipe(self._process.stdout), selectors.EVENT_READ)
        self._asked = "start"

    def ask(self, request: Mapping[str, Any]) -> None:
        """Make a request."""
        self._asked = request["do"]
        pipe = self._pipe(self._process.stdin)
        try:
            pipe.write(msgspec.json.encode(request) + b"\n")
            pipe.flush()
        except BrokenPipeError:
            pass  # its end is noticed by who waits for the reply

    def reply(self) -> dict[str, Any]:
        """Wait for the reply.

        Raises:
            AnswerError: it failed, ended, or says nothing.
            MissingError: it cannot take part.
        """
        told = b"" if not self._waiting.select(DEADLINE) else self._pipe(self._process.stdout).readline()
        reply: dict[str, Any] = msgspec.json.decode(told) if told else {"error": "it ended, or said nothing"}
        if "error" in reply:
            message = f"an end of {self._name} failed at `{self._asked}`: {reply['error']}"
            if reply["error"].startswith(MissingError.__name__):
                raise MissingError(reply["error"].partition(": ")[2])
            raise AnswerError(message)
        return reply

    def close(self) -> None:
        """End it, whatever it does."""
        self._waiting.close()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                self._pipe(pipe).close()
            except BrokenPipeError:
                continue

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
