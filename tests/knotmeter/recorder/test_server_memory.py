"""What a server says of its memory."""

from __future__ import annotations

from typing import Any

import pytest

from knotmeter.recorder.server_memory import parse
from knotmeter.recorder.trimmer import Usage

REPLY = b"# Memory\r\nused_memory:123\r\nused_memory_human:123B\r\nmaxmemory:1000\r\nmaxmemory_policy:x\r\n"


def test_used_and_limit_are_read() -> None:
    """Among many other lines."""
    assert parse(REPLY) == Usage(123, 1_000)


@pytest.mark.parametrize("reply", [b"", b"# Memory\r\nused_memory:123\r\n", None, RuntimeError("NOPERM")])
def test_a_server_that_does_not_say_is_not_guessed_at(reply: Any) -> None:
    """Its memory is unknown, so it is never taken to be short."""
    assert parse(reply) is None
