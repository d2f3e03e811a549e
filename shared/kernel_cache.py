"""Where compiled kernels are kept: a folder named by the digest of every kernel's source.

numba itself looks only at the file of the function it compiles, not at what that function calls in other
files, and would go on using code that was compiled from their older text.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

VARIABLE: Final = "NUMBA_CACHE_DIR"
"""Environment variable that names another place for the folder."""

_ROOT: Final = Path(__file__).resolve().parent.parent
_SOURCES: Final = (
    "shared/kernels/*.py",
    "services/*/kernel.py",
    "services/*/kernel/**/*.py",
    "bus/records.py",
    "bus/record_codes.py",
)
_PREFIX: Final = "kernels-"
_DAY: Final = 86_400 * 10**9


def digest(root: Path = _ROOT) -> str:
    """Short digest of the names and contents of all kernel sources."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in root.glob(pattern)):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def directory() -> Path:
    """Folder of today's compiled kernels; it need not exist yet."""
    parent = os.environ.get(VARIABLE)
    return (Path(parent) if parent else Path(__file__).parent / "kernels" / "__pycache__") / (
        _PREFIX + digest()
    )


def forget_older(current: Path, now: int) -> None:
    """Remove folders of other sources beside the current one, if it is about to be made.

    One that was written to within a day of ``now``, ns, stays: another process may be at work with it.
    """
    if current.exists() or not current.parent.is_dir():
        return
    for other in current.parent.glob(_PREFIX + "*"):
        with suppress(FileNotFoundError):  # another process tidies up too
            if now - other.stat().st_mtime_ns > _DAY:
                shutil.rmtree(other, ignore_errors=True)
