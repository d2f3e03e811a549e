"""Contenders with libraries of their own: each lives in an environment of its own and measures itself.

An environment is made when it is first needed, under ``.benchmarks/peers/<name>``, from the hashed pins in
``benchmarks/peers/<name>.txt``. Its worker is asked over pipes, one JSON object a line, so that its samples
alternate with ours within one run. ``benchmarks/peers/worker.py`` has the other end.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import Answer, AnswerError
from benchmarks.harness import Contender, MissingError

SOURCES: Final = Path(__file__).parent / "peers"
ENVIRONMENTS: Final = Path(__file__).parent.parent / ".benchmarks" / "peers"
STAMP: Final = "pins.sha256"


class Peer(Contender):
    """A task of ``benchmarks/peers/<task>.py``, done in the environment of that name.

    Args:
        name: how it is called in tables.
        environment: name of the pins, and of the environment.
        task: module with ``prepare(arrays, parameters)``, ``work(prepared)`` and ``answer(result)``.
        arrays: what it works on; handed over as files.
        parameters: numbers and names it needs besides.
        install: make the environment if it is not there.
        versions: gets the versions that the worker reports.
    """

    def __init__(
        self,
        name: str,
        environment: str,
        task: str,
        arrays: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, float | str],
        *,
        install: bool,
        versions: dict[str, str],
    ) -> None:
        self.name = name
        self._environment = environment
        self._task = task
        self._arrays = arrays
        self._parameters = parameters
        self._install = install
        self._versions = versions
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the environment, start the worker and hand it the arrays."""
        if self._worker is not None:
            return
        python = interpreter(self._environment, install=self._install)
        self._folder = tempfile.TemporaryDirectory()
        files = {}
        for name, array in self._arrays.items():
            files[name] = str(Path(self._folder.name) / f"{name}.npy")
            np.save(files[name], array, allow_pickle=False)
        command = [str(python), "-I", str(SOURCES / "worker.py"), str(SOURCES / f"{self._task}.py")]
        self._worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        told = self._ask({"do": "prepare", "arrays": files, "parameters": dict(self._parameters)})
        self._versions.update(told["versions"])

    def answer(self) -> Answer:
        """Have the work done once and fetch what it gave."""
        assert self._folder is not None
        file = str(Path(self._folder.name) / "answer.npz")
        self._ask({"do": "answer", "file": file})
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def run(self, calls: int) -> int:
        """Have the work done so many times; the worker holds the stopwatch."""
        return int(self._ask({"do": "run", "calls": calls})["elapsed_ns"])

    def close(self) -> None:
        """End the worker and remove its files."""
        if self._worker is not None:
            for pipe in (self._worker.stdin, self._worker.stdout):
                with suppress(BrokenPipeError):  # it may have died with a request unread
                    _pipe(pipe).close()
            self._worker.wait()
            self._worker = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._worker is not None
        told = b""
        try:
            _pipe(self._worker.stdin).write(msgspec.json.encode(request) + b"\n")
            _pipe(self._worker.stdin).flush()
            told = _pipe(self._worker.stdout).readline()
        except BrokenPipeError:
            pass
        reply: dict[str, Any] = msgspec.json.decode(told) if told else {"error": "the worker ended"}
        if "error" in reply:
            message = f"the worker of {self.name} failed at `{request['do']}`: {reply['error']}"
            raise AnswerError(message)
        return reply


def interpreter(name: str, *, install: bool) -> Path:
    """Python of a peer's environment, which is made or renewed if its pins or this Python changed.

    Raises:
        MissingError: it is not there and cannot, or shall not, be made.
    """
    pins = SOURCES / f"{name}.txt"
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    identity = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text() == identity:
        return python
    if not install:
        message = f"it is not installed; a run without --self-check installs benchmarks/peers/{name}.txt"
        raise MissingError(message)
    venv.create(folder, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", "--require-hashes", "-r", str(pins)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or ["no word from pip"]
        message = f"pip could not install benchmarks/peers/{name}.txt: {told[-1]}"
        raise MissingError(message)
    stamp.write_text(identity)
    return python


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
