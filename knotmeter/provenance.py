"""What a result rests on: versions, settings, and the bytes of the files."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec

from knotmeter import __version__
from shared.errors import DataError

LIBRARIES: Final = ("msgspec", "numba", "numpy", "pyarrow", "scipy")
"""Libraries whose version may change a result."""


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One input file."""

    path: str
    """As it was given."""
    n_bytes: int
    sha256: str


def versions() -> dict[str, str]:
    """Versions of everything that computes."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return {"knotmeter": __version__, "python": platform.python_version(), **libraries}


def file_facts(path: str) -> FileFacts:
    """Length and digest of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileFacts(path=path, n_bytes=file.tell(), sha256=digest)
    except OSError as error:
        message = f"`{path}`: expected a file that can be read, found: {error.strerror or error}"
        raise DataError(message) from error


def made_from(
    settings: Mapping[str, Any], files: Sequence[Mapping[str, Any]], facts: Sequence[FileFacts]
) -> dict[str, str]:
    """Everything that must stay the same for a run to go on, each thing by a name that people know.

    Args:
        settings: plain settings of the engines, without the files.
        files: plain settings of each file; where a file lies does not matter.
        facts: of each file.
    """
    found = {f"version of {name}": version for name, version in versions().items()}
    found["machine"] = platform.machine()
    found.update(_flat(settings, ()))
    found["files"] = str(len(facts))
    for number, (own, fact) in enumerate(zip(files, facts, strict=True), start=1):
        name = f"file {number}"
        found[name] = f"{fact.n_bytes:,} bytes with SHA-256 {fact.sha256}"
        found.update(_flat({key: value for key, value in own.items() if key != "path"}, (name,)))
    return found


def _flat(table: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*keys, key))
        else:
            yield ".".join((*keys, key)), json.dumps(value, ensure_ascii=False, default=str)
