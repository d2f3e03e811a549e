"""What the figures were taken on: they mean nothing without it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from knotmeter import __version__

LIBRARIES: Final = ("numpy", "numba", "scipy", "pyarrow", "msgspec")


def machine() -> dict[str, str]:
    """Processor, cores, load, system and Python of this machine."""
    return {
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions() -> dict[str, str]:
    """Versions the figures depend on; those of peers are added as they take part."""
    return {"knotmeter": __version__, **{name: version(name) for name in LIBRARIES}}


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def compiler() -> tuple[str, str] | None:
    """Path and version line of the C compiler, or None where there is none."""
    path = shutil.which("cc")
    if path is None:
        return None
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return path, told.stdout.splitlines()[0] if told.stdout else "unknown"
