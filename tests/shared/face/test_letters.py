"""Dead letters over HTTP."""

from __future__ import annotations

import pytest

from bus.messages.control import DeadLetter
from tests.shared.face.faces import ToySubject, face, get, post

LETTER = DeadLetter(
    producer="md",
    producer_epoch=1,
    producer_sequence=17,
    message_type="trade",
    error="ConstraintError: `size`: expected 0 or more, got -1",
    content=b"\x00\xff" * 4,
)


def subject() -> ToySubject:
    """A process with three dead letters, of nine in all."""
    made = ToySubject()
    made.letters = {3: LETTER, 7: LETTER, 8: LETTER}
    made.runtime.n_dead_letters = 9
    return made


def test_the_newest_come_first() -> None:
    """Number, origin, reason and length are listed, and how many there were in all; not the bytes."""
    listed = get(face(subject()), "/v1/dead-letters?limit=2").json()

    assert listed["n_dead_letters"] == 9
    assert [letter["number"] for letter in listed["dead_letters"]] == [8, 7]
    assert listed["dead_letters"][0] == {
        "number": 8,
        "producer": "md",
        "producer_epoch": 1,
        "producer_sequence": 17,
        "message_type": "trade",
        "error": LETTER.error,
        "n_bytes": 8,
        "redriven_from": None,
    }


def test_one_is_shown_with_its_bytes() -> None:
    """In JSON as base64."""
    shown = get(face(subject()), "/v1/dead-letters/7").json()

    assert (shown["number"], shown["content"]) == (7, "AP8A/wD/AP8=")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/dead-letters?limit=0", 422),
        ("/v1/dead-letters?limit=1001", 422),
        ("/v1/dead-letters/4", 404),
        ("/v1/dead-letters/-1", 422),
        ("/v1/dead-letters/x", 422),
        ("/v1/dead-letters/%D9%A3", 422),
        ("/v1/dead-letters/99999999999999999999999", 422),
    ],
)
def test_what_there_is_not_is_a_problem(path: str, status: int) -> None:
    """A limit out of bounds, a number that is none, one that is not kept."""
    assert get(face(subject()), path).status_code == status


def test_one_is_tried_again_by_command() -> None:
    """The whole letter goes with it, so that the engine needs nothing else."""
    process = subject()
    answer = post(face(process), "/v1/dead-letters/7/redrive")

    assert answer.json()["outcome"] == "applied"
    ((name, arguments),) = process.said
    assert (name, arguments["content"], arguments["producer_sequence"]) == ("redrive", LETTER.content, 17)
    assert post(face(process), "/v1/dead-letters/7/redrive").status_code == 404  # it was handled after all


def test_one_that_is_not_kept_is_not_tried() -> None:
    """404, and nothing is published."""
    process = subject()

    assert post(face(process), "/v1/dead-letters/4/redrive").status_code == 404
    assert process.said == []
