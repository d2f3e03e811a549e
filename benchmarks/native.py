"""The C loop to be held against: compiled on demand for this very processor, called without copying."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.harness import MissingError
from benchmarks.machine import compiler, cpu_model

SOURCES: Final = Path(__file__).parent / "c"
BUILT: Final = Path(__file__).parent.parent / ".benchmarks" / "c"
FLAGS: Final = ("-std=c11", "-O3", "-march=native", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
"""No -ffast-math: the kernels give up bits nowhere, so neither does the C they are held against."""


def load(name: str) -> ctypes.CDLL:
    """Library made of ``benchmarks/c/<name>.c``.

    Raises:
        MissingError: there is no compiler, or it refused the source.
    """
    found = compiler()
    if found is None:
        message = "no C compiler: expected `cc` on PATH"
        raise MissingError(message)
    path, told = found
    source = SOURCES / f"{name}.c"
    identity = "\n".join((source.read_text(), *FLAGS, told, cpu_model()))
    library = BUILT / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        _compile(path, source, library)
    return ctypes.CDLL(str(library))


def _compile(path: str, source: Path, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    unfinished = library.with_suffix(".part")
    done = subprocess.run(
        [path, *FLAGS, "-o", str(unfinished), str(source), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        message = f"`cc` refused benchmarks/c/{source.name}: {done.stderr.strip().splitlines()[-1]}"
        raise MissingError(message)
    unfinished.rename(library)
