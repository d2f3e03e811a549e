"""Keeping the cores awake takes nothing from whoever wants them, and ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.harness import MissingError
from benchmarks.wakefulness import cores_awake

IDLE = 5
"""The policy SCHED_IDLE in a process's status line."""


def idle_children() -> int:
    """Children of this process that run only when nothing else wants to."""
    lines = [path.read_text().rsplit(")", 1)[1].split() for path in Path("/proc").glob("[0-9]*/stat")]
    return sum(int(words[1]) == os.getpid() and int(words[38]) == IDLE for words in lines)


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="no policy SCHED_IDLE")
def test_one_idle_spinner_a_core_lasts_as_long_as_the_block() -> None:
    """Each core has a spinner of the lowest policy inside the block, and none after it."""
    with cores_awake():
        assert idle_children() == len(os.sched_getaffinity(0))
    assert idle_children() == 0


def test_a_system_without_the_policy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can run only when nobody else wants to, the cores are left alone."""
    monkeypatch.delattr(os, "SCHED_IDLE", raising=False)

    with pytest.raises(MissingError, match="SCHED_IDLE"), cores_awake():
        pass
