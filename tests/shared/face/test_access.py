"""Who may change something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shared.face.faces import ToySubject, face, post

TOKEN = "s3cret-Ünïcode"
CLEAR = "/v1/commands/clear"


def bearer(text: str) -> dict[str, Any]:
    """Headers with a token."""
    return {"authorization": f"Bearer {text}".encode()}


def test_whoever_holds_the_token_may() -> None:
    """The scheme is read in any case, as HTTP has it."""
    subject = ToySubject()
    app = face(subject, api_token=TOKEN)

    assert post(app, CLEAR, headers=bearer(TOKEN)).status_code == 200
    assert post(app, CLEAR, headers={"authorization": f"bearer {TOKEN}".encode()}).status_code == 200
    assert [name for name, _ in subject.said] == ["clear", "clear"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, "found none"),
        (bearer("another"), "found another one"),
        (bearer(TOKEN + "x"), "found another one"),
        (bearer(""), "found none"),
        ({"authorization": f"Basic {TOKEN}".encode()}, "found another one"),
        ({"authorization": b"\xff\xfe"}, "found none"),
    ],
)
def test_nobody_else_may(headers: dict[str, Any], found: str) -> None:
    """401 with the scheme that is wanted, nothing is published, and the token is not told."""
    subject = ToySubject()
    answer = post(face(subject, api_token=TOKEN), CLEAR, headers=headers)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert found in answer.json()["detail"]
    assert TOKEN not in answer.text
    assert subject.said == []


def test_what_changes_nothing_needs_no_token() -> None:
    """Computations on data that is sent are free, like queries."""
    app = face(ToySubject(), api_token=TOKEN)

    assert post(app, "/v1/sum", json={"numbers": [1]}).status_code == 200


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), ("http://toy", 200)])
def test_without_a_token_a_page_of_another_origin_may_not(origin: str, status: int) -> None:
    """The page that a browser on this machine shows cannot halt anything, unless it is our own."""
    subject = ToySubject()

    assert post(face(subject), CLEAR, headers={"origin": origin}).status_code == status
    assert len(subject.said) == (status == 200)
