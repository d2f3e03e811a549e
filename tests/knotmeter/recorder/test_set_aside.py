"""Dead letters of a session, collected for an export."""

from __future__ import annotations

import pytest

from bus.messages.control import DeadLetter
from knotmeter.recorder.set_aside import SetAside
from shared import dead_letters


def letter(number: int) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(
        producer="md",
        producer_epoch=1,
        producer_sequence=number,
        message_type="trade",
        error="wrong",
        content=b"",
    )


def test_the_newest_of_each_engine_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a fleet keeps of each, in the order of a replay; all are counted."""
    monkeypatch.setattr(dead_letters, "KEPT", 3)
    found = SetAside()
    for number in (1, 2, 3, 4, 5):
        found.add("beta", letter(number))
    found.add("alpha", letter(9))

    kept = [(engine, one.producer_sequence) for engine, one in found.letters()]
    assert kept == [("alpha", 9), ("beta", 3), ("beta", 4), ("beta", 5)]
    assert found.counts == {"alpha": 1, "beta": 5}


def test_what_is_said_again_counts_once() -> None:
    """By one engine; two engines may set aside the same input."""
    found = SetAside()
    for engine in ("alpha", "alpha", "beta"):
        found.add(engine, letter(1))

    assert found.counts == {"alpha": 1, "beta": 1}
