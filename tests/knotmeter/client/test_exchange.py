"""What becomes of requests: made again, given up, or answered by something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from knotmeter import AnswerError, Client, ClientTimeoutError, ProblemError, UnavailableError
from knotmeter.client.answers import Health
from tests.knotmeter.client.serving import answering

Handler = Callable[[httpx.Request], httpx.Response]

ALIVE = {"status": "alive", "more": [1]}


def refusing(n_times: int, seen: list[str]) -> Handler:
    """A process that is not there so many times, and then is."""

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        if len(seen) <= n_times:
            message = "connection refused"
            raise httpx.ConnectError(message)
        return httpx.Response(200, json=ALIVE)

    return handle


def test_a_query_is_made_again_while_an_engine_restarts() -> None:
    """Both clients ask on until it is there."""
    seen: list[str] = []
    client, _ = answering(refusing(3, seen))
    assert client.engine().health() == Health()
    assert seen == ["GET"] * 4

    seen.clear()
    _, other = answering(refusing(3, seen))
    assert asyncio.run(other.engine().health()) == Health()  # type: ignore[arg-type]
    assert seen == ["GET"] * 4


def test_patience_has_an_end() -> None:
    """Then the error says what was asked, that nobody answered, why, and what to do."""
    seen: list[str] = []
    client, _ = answering(refusing(10**9, seen), patience=0.2)
    expected = "GET http://toy:1/health: expected an answer, found none: connection refused; see `knotmeter"
    with pytest.raises(UnavailableError, match=expected):
        client.engine().health()
    assert len(seen) > 1

    seen.clear()
    client, _ = answering(refusing(10**9, seen), patience=0.0)
    with pytest.raises(UnavailableError):
        client.engine().health()
    assert seen == ["GET"]


def test_a_command_is_never_made_again() -> None:
    """Nobody knows whether it was heard."""
    seen: list[str] = []
    client, _ = answering(refusing(1, seen))
    with pytest.raises(UnavailableError):
        client.engine().command("halt")
    assert seen == ["POST"]


def test_an_answer_that_does_not_come_is_told() -> None:
    """For a command with the warning that it may still take effect."""

    def handle(_request: httpx.Request) -> httpx.Response:
        message = ""
        raise httpx.ReadTimeout(message)

    client, _ = answering(handle, timeout=2.5)
    with pytest.raises(ClientTimeoutError, match=r"health: expected an answer within 2\.5 s, found none$"):
        client.engine().health()
    with pytest.raises(ClientTimeoutError, match="it may still take effect"):
        client.engine().command("halt")


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ({"status_code": 200, "html": "<p>hello"}, "found `text/html` '<p>hello'"),
        ({"status_code": 502, "text": "bad gateway"}, "expected status 200 or a problem, found 502"),
        ({"status_code": 200, "json": {"status": 3}}, "expected `Health` in application/json, found"),
        ({"status_code": 200, "json": [1]}, "Expected `object`, got `array`"),
        ({"status_code": 301, "headers": {"location": "http://x"}}, "found 301"),
    ],
)
def test_an_answer_of_something_else_is_told(response: dict[str, Any], found: str) -> None:
    """Another program at the port, or another version: what was expected, and what came."""
    client, _ = answering(lambda _: httpx.Response(**response))
    with pytest.raises(AnswerError, match=found):
        client.engine().health()


def test_a_problem_may_have_members_that_are_not_known() -> None:
    """And lack all that it need not have."""
    problem = {"title": "Gone", "status": 410, "detail": "expected x, found y", "balance": 30}
    headers = {"content-type": "application/problem+json"}
    client, _ = answering(lambda _: httpx.Response(410, json=problem, headers=headers))
    with pytest.raises(ProblemError, match="410 Gone: expected x, found y") as caught:
        client.engine().health()
    assert (caught.value.errors, caught.value.receipt) == ((), None)


def test_a_computation_is_made_again_and_a_change_is_not() -> None:
    """What is sent to compute with changes nothing."""
    document = {
        "info": {"title": "toy"},
        "paths": {
            f"/v1/{name}": {"post": {"x-effect": effect, "responses": {}}}
            for name, effect in (("toy", "computes"), ("change", "changes"))
        },
    }
    answers: Iterator[Exception | None] = iter(
        [None, httpx.ConnectError("no"), None, httpx.ConnectError("no")]
    )

    def handle(request: httpx.Request) -> httpx.Response:
        error = next(answers)
        if error is not None:
            raise error
        return httpx.Response(200, json=document if request.url.path == "/openapi.json" else 7)

    client, _ = answering(handle)
    assert client.engine().compute(x=1) == 7
    with pytest.raises(UnavailableError):
        client.engine().change()


def test_segments_and_values_are_escaped() -> None:
    """A name with a slash is one segment; a truth value is a word of JSON."""
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(200, json=1)

    client: Client = answering(handle)[0]
    assert client.engine().get("quotes", "BRK/B X.N", answer=int, fresh=True, limit=3) == 1
    assert seen == ["/v1/quotes/BRK%2FB%20X.N?fresh=true&limit=3"]
