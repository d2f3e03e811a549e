"""What a run leaves when it is stopped on purpose, and what must be the same when it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from shared.errors import OutputError

CHECKPOINT: Final = "checkpoint.bin"

FORMAT: Final = 1
"""Layout of a checkpoint."""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run was stopped on purpose."""

    format: int = FORMAT
    made_from: dict[str, str]
    """What the results so far rest on, and must rest on to the end, each by its name."""
    lengths: dict[str, int]
    """Bytes of each file."""
    counts: dict[str, int]
    """Events so far by type."""
    image: bytes
    """Everything the fleet remembers."""


def encode(stop: Stop) -> bytes:
    """A stop as the content of `CHECKPOINT`."""
    return msgspec.msgpack.encode(stop)


def read_stop(folder: Path) -> Stop:
    """The stop that a folder holds.

    Raises:
        OutputError: its checkpoint is not one, or of another layout.
    """
    try:
        stop = msgspec.msgpack.decode((folder / CHECKPOINT).read_bytes(), type=Stop)
    except msgspec.MsgspecError as error:
        refuse(f"`--resume`: expected a checkpoint in `{folder}`, found a damaged one ({error})", _BEGIN_ANEW)
    if stop.format != FORMAT:
        refuse(
            f"`--resume`: expected a checkpoint in layout {FORMAT}, found {stop.format} in `{folder}`",
            _BEGIN_ANEW,
        )
    return stop


def refuse_other_inputs(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Hold what a run is about to go on with against what it was made from.

    Raises:
        OutputError: something differs; every difference is named.
    """
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        lines = [f"\n  - {name}: expected {before.get(name)}, found {now.get(name)}" for name in changed]
        found = (
            f"`--resume`: expected what the stopped run was made from, found other inputs:{''.join(lines)}"
        )
        refuse(f"{found}\n", f"give the same files and settings, or {_BEGIN_ANEW}")


def refuse(found: str, what_to_do: str) -> NoReturn:
    """Say what was expected and found, and what to do."""
    message = f"{found}; {what_to_do}"
    raise OutputError(message)


_BEGIN_ANEW: Final = "begin anew with --force and without --resume"
