"""The checkpoint's own layout."""

from __future__ import annotations

import msgspec
import pytest

from bus import checkpoint as checkpoints
from bus.checkpoint import Checkpoint
from bus.cursors import Cursor
from bus.errors import CheckpointError
from bus.transport import EntryId

EXAMPLE = Checkpoint(
    format=checkpoints.FORMAT,
    engine="vpin",
    state_version=1,
    fingerprint="f",
    epoch=1,
    state=b"\x80",
    instruments=b"\x90",
    output_sequence=12,
    watermark=5,
    now=6,
    cursors={"": Cursor(1, 99)},
    watermarks={"": 5},
    positions={"md": EntryId(1, 99)},
    waiting=[(10, b"e")],
    outbox=[(1, 12, b"e")],
    run_ids={"md": "1"},
    n_handled=3,
    n_dead_letters=2,
    n_missing=1,
)


def test_a_checkpoint_survives_its_bytes() -> None:
    """Decoding gives back what was encoded."""
    assert checkpoints.decode(checkpoints.encode(EXAMPLE), "vpin") == EXAMPLE


@pytest.mark.parametrize("cut", [0, 3, 9, -1])
def test_a_truncated_checkpoint_is_refused(cut: int) -> None:
    """Half a checkpoint is never taken for a whole one."""
    with pytest.raises(CheckpointError, match="checksum; start with a reset"):
        checkpoints.decode(checkpoints.encode(EXAMPLE)[:cut], "vpin")


def test_a_flipped_bit_is_found() -> None:
    """The checksum covers the whole body."""
    data = bytearray(checkpoints.encode(EXAMPLE))
    data[40] ^= 1

    with pytest.raises(CheckpointError, match="checksum"):
        checkpoints.decode(bytes(data), "vpin")


def test_another_engines_checkpoint_is_refused() -> None:
    """A checkpoint belongs to one engine."""
    with pytest.raises(CheckpointError, match="of risk, got layout 1 of vpin"):
        checkpoints.decode(checkpoints.encode(EXAMPLE), "risk")


def test_another_layout_is_refused() -> None:
    """A checkpoint of a later layout is not guessed at."""
    later = checkpoints.encode(msgspec.structs.replace(EXAMPLE, format=checkpoints.FORMAT + 1))

    with pytest.raises(CheckpointError, match="got layout 2"):
        checkpoints.decode(later, "vpin")
