"""What this machine offers, held against what the engines need."""

from __future__ import annotations

import codecs
import importlib
import os
import platform
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from shared import registry
from shared.clock import monotonic_ns, utc_text, wall_ns
from shared.errors import SettingsError
from shared.setting_sources import PREFIX

LIBRARIES: Final = ("msgspec", "numba", "numpy", "pyarrow", "rich", "scipy", "structlog")
OLDEST_PYTHON: Final = (3, 11)
ZONE: Final = "America/New_York"
CONTROL_GROUP: Final = Path("/sys/fs/cgroup/memory.max")
GIBIBYTE: Final = 1 << 30
LITTLE_DISK: Final = GIBIBYTE
NO_DISK: Final = GIBIBYTE // 16
NARROWEST: Final = 80
RELEASED: Final = 1_767_225_600_000_000_000
"""Start of 2026; a clock before it is wrong, ns."""


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One thing that was looked at."""

    state: State
    name: str
    found: str
    mend: str = ""
    """What to do; empty if all is well."""


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other; what cannot be looked at is a problem."""
    for name, check in CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding
            found = f"{type(error).__name__}: {error}"
            yield Finding(State.PROBLEM, name, found, "Install the project again: `make install`.")


def python() -> Iterator[Finding]:
    """The interpreter is new enough."""
    good = sys.version_info >= OLDEST_PYTHON
    wanted = ".".join(map(str, OLDEST_PYTHON))
    yield _judged(good, "python", platform.python_version(), f"Install Python {wanted} or newer.")


def libraries() -> Iterator[Finding]:
    """Every library imports."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            yield Finding(State.PROBLEM, name, str(error), "Install the project again: `make install`.")
        else:
            yield Finding(State.OK, name, metadata.version(name))


def compiler() -> Iterator[Finding]:
    """Kernels compile, and what was compiled is kept for the next start."""
    from shared.kernels.compile import kernel  # imported by the check, so that its absence is a finding

    compiled: Any = kernel(_successor)
    good = compiled(41) == 42
    yield _judged(
        good, "compiler", "a kernel compiles and runs", "Install the project again: `make install`."
    )
    folder = compiled.stats.cache_path
    mend = "Every start compiles anew. Set `NUMBA_CACHE_DIR` to a folder that you may write to."
    writable = _writable(Path(folder))
    yield _judged(writable, "cache", f"compiled kernels in {folder}", mend, State.WARNING)


def time_zones() -> Iterator[Finding]:
    """Both readers of time zones know the same offset."""
    import pyarrow as pa
    import pyarrow.compute as pc

    when = datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo(ZONE))
    local = pa.array([when.replace(tzinfo=None)], pa.timestamp("ns"))
    (utc,) = pc.assume_timezone(local, ZONE).cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()
    good = utc == int(when.timestamp()) * 1_000_000_000
    found = f"{ZONE} in July is UTC{when:%z}"
    yield _judged(good, "time zones", found, "Install the system's time-zone database (package `tzdata`).")


def processors() -> Iterator[Finding]:
    """There is more than one processor for us."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = f"{available} for this process ({platform.machine()})"
    mend = "It works on one; latencies will suffer from whatever else runs."
    yield _judged(available > 1, "processors", found, mend, State.WARNING)


def memory() -> Iterator[Finding]:
    """The engines' budgets fit into the memory."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if CONTROL_GROUP.is_file() and (limit := CONTROL_GROUP.read_text("ascii").strip()).isdigit():
        total = min(total, int(limit))
    needed = sum(spec.memory_mb for spec in registry.engines().values()) << 20
    found = f"{total / GIBIBYTE:.1f} GiB; the engines are budgeted for {needed / GIBIBYTE:.1f} GiB"
    yield _judged(
        total >= needed, "memory", found, "Close other programs, or raise the limit.", State.WARNING
    )


def disks() -> Iterator[Finding]:
    """There is room for results and for temporary files."""
    for name, folder in (("disk here", Path.cwd()), ("disk for tmp", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        state = State.PROBLEM if free < NO_DISK or not _writable(folder) else State.WARNING
        mend = f"Free some space, or give yourself the right to write to {folder}."
        found = f"{free / GIBIBYTE:.1f} GiB free in {folder}"
        yield _judged(free >= LITTLE_DISK and _writable(folder), name, found, mend, state)


def terminal() -> Iterator[Finding]:
    """Tables fit, and their characters can be shown."""
    columns = shutil.get_terminal_size((NARROWEST, 24)).columns
    mend = f"Make the window {NARROWEST} columns wide; tables fold below that."
    yield _judged(columns >= NARROWEST, "terminal", f"{columns} columns", mend, State.WARNING)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    good = codecs.lookup(encoding).name == "utf-8"
    mend = "Set `PYTHONUTF8=1`; other characters are replaced."
    yield _judged(good, "characters", encoding.lower(), mend, State.WARNING)


def clock() -> Iterator[Finding]:
    """Time goes forward, and is of this age."""
    readings = [monotonic_ns() for _ in range(1_000)]
    forward = all(later >= earlier for earlier, later in pairwise(readings))
    yield _judged(forward, "stopwatch", "goes forward", "Use another clock source of the system.")
    now = wall_ns()
    found = f"{utc_text(now)[:19]}Z"
    yield _judged(now >= RELEASED, "clock", found, "Set the system's clock.", State.WARNING)


def environment() -> Iterator[Finding]:
    """Settings in the environment are right."""
    from knotmeter.session import load_settings

    try:
        load_settings()
    except SettingsError as error:
        yield Finding(
            State.PROBLEM, "settings", "; ".join(error.problems), "Correct or unset these variables."
        )
    else:
        given = [name for name in os.environ if name.startswith(PREFIX) and "__" in name]
        yield Finding(State.OK, "settings", f"{len(given)} in the environment")


CHECKS: Final[dict[str, Callable[[], Iterator[Finding]]]] = {
    "python": python,
    "libraries": libraries,
    "compiler": compiler,
    "time zones": time_zones,
    "processors": processors,
    "memory": memory,
    "disks": disks,
    "terminal": terminal,
    "clock": clock,
    "settings": environment,
}
"""What is looked at, in this order."""


def _judged(good: bool, name: str, found: str, mend: str, otherwise: State = State.PROBLEM) -> Finding:
    return Finding(State.OK, name, found) if good else Finding(otherwise, name, found, mend)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _successor(number: int) -> int:
    return number + 1
