"""The other end of `benchmarks.peer`: does one task in a peer's environment, one JSON request a line.

    {"do": "prepare", "arrays": {name: file.npy}, "parameters": {...}} -> {"versions": {...}}
    {"do": "answer", "file": file.npz}                                 -> {}
    {"do": "run", "calls": 3}                                          -> {"elapsed_ns": 123}

Whatever fails is answered with {"error": text}. It needs NumPy and the peer alone. Standard output belongs to
the protocol, so what a library prints goes to standard error.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns
from types import ModuleType
from typing import Any

import numpy as np


class Worker:
    """One task and what it prepared."""

    def __init__(self, task: ModuleType) -> None:
        self._task = task
        self._prepared: Any = None

    def prepare(self, arrays: dict[str, str], parameters: dict[str, Any]) -> dict[str, Any]:
        """Load the arrays and let the task take them."""
        loaded = {name: np.load(file, allow_pickle=False) for name, file in arrays.items()}
        self._prepared = self._task.prepare(loaded, parameters)
        return {"versions": {name: version(name) for name in self._task.DISTRIBUTIONS}}

    def answer(self, file: str) -> dict[str, Any]:
        """Do the work once and leave the answer in a file."""
        np.savez(file, **self._task.answer(self._task.work(self._prepared)))
        return {}

    def run(self, calls: int) -> dict[str, Any]:
        """Time so many calls."""
        gc.collect()
        gc.disable()
        elapsed = 0
        for _ in range(calls):
            start = perf_counter_ns()
            self._task.work(self._prepared)
            elapsed += perf_counter_ns() - start
        gc.enable()
        return {"elapsed_ns": elapsed}


def main(path: str) -> None:
    """Serve requests until the pipe closes."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(_load(Path(path)))
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # noqa: BLE001  (the asker decides what a failure means)
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(sys.argv[1])
