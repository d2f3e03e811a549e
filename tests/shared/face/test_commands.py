"""Commands over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.face.body import check_depth
from shared.face.problem import ProblemError
from shared.face.subject import CommandReceipt, CommandTimeoutError, Readiness
from tests.shared.face.faces import LAST, ToySubject, face, post


def test_a_command_is_answered_with_its_receipt() -> None:
    """Who said it, under which number, and when it took effect."""
    subject = ToySubject()
    answer = post(face(subject), "/v1/commands/limit", json={"most": 3})

    assert answer.json() == {
        "source": "tally.face",
        "epoch": 1,
        "sequence": 4,
        "ts_event": LAST,
        "outcome": "applied",
        "error": None,
    }
    assert subject.said == [("limit", {"most": 3})]


@pytest.mark.parametrize(
    ("path", "request_", "status", "detail"),
    [
        ("/v1/commands/limit", {"json": {"most": -1}}, 422, "`most`: expected whole number from 0, found -1"),
        (
            "/v1/commands/limit",
            {"json": {"mist": 1}},
            422,
            "`mist`: expected a field of `most`, found `mist`",
        ),
        ("/v1/commands/limit", {}, 422, "`body`: expected JSON, found an empty body"),
        ("/v1/commands/clear", {"json": {"all": True}}, 422, "`all`: expected no arguments, found `all`"),
        ("/v1/commands/halt", {}, 404, "expected a command of `tally`: `limit`, `clear`; found `halt`"),
    ],
)
def test_a_wrong_command_is_not_published(
    path: str, request_: dict[str, Any], status: int, detail: str
) -> None:
    """Names and arguments are checked before anything goes out."""
    subject = ToySubject()
    answer = post(face(subject), path, **request_)

    assert (answer.status_code, answer.json()["detail"]) == (status, detail)
    assert subject.said == []


def test_a_refused_command_is_a_conflict() -> None:
    """The answer has the receipt with the engine's reason."""
    subject = ToySubject()
    subject.reply = CommandReceipt(
        source="tally.face", epoch=1, sequence=5, ts_event=LAST, outcome="refused", error="ValueError: no"
    )
    answer = post(face(subject), "/v1/commands/clear", json={})

    assert answer.status_code == 409
    assert answer.json()["detail"] == "expected a command that can be applied, found `clear`: ValueError: no"
    assert answer.json()["receipt"]["sequence"] == 5


def test_a_command_that_was_not_read_back_may_still_take_effect() -> None:
    """503, and the answer says so."""
    subject = ToySubject()
    subject.reply = CommandTimeoutError("expected `clear` to be applied within 10 s")
    answer = post(face(subject), "/v1/commands/clear")

    assert answer.status_code == 503
    assert "may still take effect" in answer.json()["detail"]


@pytest.mark.parametrize("phase", ["draining", "failed"])
def test_a_process_that_ends_takes_no_commands(phase: Any) -> None:
    """Nothing is published that nobody would read back."""
    subject = ToySubject()
    subject.standing = Readiness(ready=False, phase=phase)

    assert post(face(subject), "/v1/commands/clear").status_code == 503
    assert subject.said == []


def test_content_of_any_type_has_a_depth() -> None:
    """A document of free content is refused where it is nested deeper than anybody means."""
    check_depth(msgspec.json.decode(b"[" * 30 + b"]" * 30))
    with pytest.raises(ProblemError, match="expected at most 32 levels, found more"):
        check_depth(msgspec.json.decode(b'{"a":' * 40 + b"1" + b"}" * 40))
