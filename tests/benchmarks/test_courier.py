"""Couriers: what arrives is held against what was sent, and an end that fails is an error, never a figure."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import courier as courier_module
from benchmarks import process
from benchmarks.answers import AnswerError
from benchmarks.courier import Courier, Route, received
from benchmarks.harness import MissingError

N = 20

PIPE = """
import os
DISTRIBUTIONS = ()
class End:
    # Messages through a named pipe, changed on their way by `spoil`.
    def __init__(self, options):
        self.path, self.size = options["path"], options["size"]
        {spoil}
        self.spoil = spoil
    def send(self, mail, n, pause):
        with open(self.path, "wb") as pipe:
            for message in self.spoil([mail.make(number) for number in range(n)]):
                pipe.write(message)
    def receive(self, mail, n):
        with open(self.path, "rb") as pipe:
            while message := pipe.read(self.size):
                mail.hear(message)
"""


def piped(folder: Path, spoil: str = "spoil = list") -> Courier:
    """A courier whose way is a named pipe."""
    os.mkfifo(folder / "pipe")
    task = folder / "piped.py"
    task.write_text(PIPE.format(spoil=spoil))
    options = {"path": str(folder / "pipe"), "size": courier_module.MESSAGE_BYTES}
    return Courier(Route("the pipe", task, options), install=False, versions={})


def prepared(courier: Courier) -> Courier:
    """The courier, started."""
    courier.prepare(N)
    return courier


@pytest.fixture
def deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No end is waited for longer than a few seconds."""
    monkeypatch.setattr(process, "DEADLINE", 10.0)


@pytest.fixture
def bodies() -> np.ndarray:
    """Bodies of three messages of four bytes."""
    return np.arange(12, dtype=np.uint8).reshape(3, 4)


def left(messages: list[tuple[int, bytes]]) -> bytes:
    """What an end leaves that heard these numbers and bodies."""
    ages = struct.pack(f"<{len(messages)}q", *range(len(messages)))
    return ages + b"".join(struct.pack("<qq", number, 0) + body for number, body in messages)


def test_what_came_whole_and_in_order_has_ages(bodies: np.ndarray) -> None:
    """The ages are those of the messages, in their order."""
    messages = [(number, body.tobytes()) for number, body in enumerate(bodies)]

    assert received(left(messages), bodies).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([0, 1], "expected 3 messages in 84 bytes, received 56"),
        ([0, 1, 2, 2], "expected 3 messages in 84 bytes, received 112"),
        ([0, 2, 1], r"expected message 1, received 2 \(2 of 3 differ\)"),
        ([0, 1, 1], r"expected message 2, received 1 \(1 of 3 differ\)"),
    ],
)
def test_lost_doubled_and_swapped_messages_are_found(
    bodies: np.ndarray, numbers: list[int], problem: str
) -> None:
    """Every message has to be there once, in order."""
    messages = [(number, bodies[number].tobytes()) for number in numbers]

    with pytest.raises(AnswerError, match=problem):
        received(left(messages), bodies)


def test_changed_bytes_are_found(bodies: np.ndarray) -> None:
    """A message whose bytes are not those that were sent is no answer."""
    messages = [(0, b"\x00\x01\x02\x03"), (1, b"\x04\x05\x06\x06"), (2, b"\x08\x09\x0a\x0b")]

    with pytest.raises(AnswerError, match=r"expected message 1 as it was sent, received other bytes"):
        received(left(messages), bodies)


@pytest.mark.usefixtures("deadline")
def test_messages_are_carried_and_their_ages_told(tmp_path: Path) -> None:
    """Two processes carry a sample after another; ages are positive."""
    courier = piped(tmp_path)
    try:
        courier.prepare(N)
        samples = [courier.carry(N, 0.0) for _ in range(2)]
    finally:
        courier.close()

    assert [len(ages) for ages in samples] == [N, N]
    assert min(ages.min() for ages in samples) > 0


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        ("spoil = lambda sent: sent[:-1]", "expected 20 messages"),
        ("spoil = lambda sent: sent[1::-1] + sent[2:]", "expected message 0, received 1"),
        ("spoil = lambda sent: sent[:1] + [sent[1][:-1] + bytes(1)] + sent[2:]", "other bytes"),
        ("def spoil(sent): raise OSError('the line is down')", "failed at `send`: OSError: the line is down"),
        ("raise RuntimeError('no line')", "failed at `open`: RuntimeError: no line"),
    ],
)
@pytest.mark.usefixtures("deadline")
def test_a_bad_way_gives_no_figures(tmp_path: Path, spoil: str, problem: str) -> None:
    """Whatever is lost, swapped, changed or broken on the way is an error that says so."""
    courier = piped(tmp_path, spoil)
    try:
        with pytest.raises(AnswerError, match=problem):
            prepared(courier).carry(N, 0.0)
    finally:
        courier.close()


@pytest.fixture
def absent(tmp_path: Path) -> Iterator[Courier]:
    """A courier whose ends find that they cannot take part."""
    task = tmp_path / "absent.py"
    task.write_text(
        "DISTRIBUTIONS = ()\nclass MissingError(Exception): pass\n"
        "def End(options): raise MissingError('nobody made it')\n"
    )
    courier = Courier(Route("absent", task, {}), install=False, versions={})
    yield courier
    courier.close()


def test_an_end_that_cannot_take_part_says_why(absent: Courier) -> None:
    """What an end lacks is the reason for which its courier is missing."""
    with pytest.raises(MissingError, match="nobody made it"):
        absent.prepare(N)


def test_a_silent_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that never comes is an error once the time is up."""
    monkeypatch.setattr(process, "DEADLINE", 0.2)
    task = tmp_path / "silent.py"
    task.write_text("DISTRIBUTIONS = ()\ndef End(options):\n    while True: pass\n")
    courier = Courier(Route("silent", task, {}), install=False, versions={})
    try:
        with pytest.raises(AnswerError, match="an end of silent failed at `open`: it ended, or said nothing"):
            courier.prepare(1)
    finally:
        courier.close()
