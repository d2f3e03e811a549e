"""The fast path gives the bytes of the ordinary one, and leaves to it what it does not surely know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.face.connection import Meter
from shared.face.fast_path import LONGEST, MOST_KNOWN, QuickAnswers
from shared.face.view import View
from tests.shared.face.faces import Line, ToySubject, face, request, serving

REQUESTS = {
    "plain": request(),
    "with headers": request("/v1/tally", "GET", "accept: */*", "user-agent: x", "connection: keep-alive"),
    "by name": request("/v1/tally/a"),
    "unknown name": request("/v1/tally/c"),
    "encoded name": request("/v1/tally/%61"),
    "msgpack": request("/v1/tally", "GET", "accept: application/msgpack"),
    "parameter": request("/v1/tally?scale=3"),
    "head": request("/v1/tally", "HEAD"),
    "wrong method": request("/v1/tally", "DELETE"),
    "old version": request().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "goodbye": request("/v1/tally", "GET", "connection: close"),
    "with a body": request("/v1/tally", "GET", "content-length: 2") + b"{}",
    "failing view": request("/v1/failure"),
    "no view": request("/health"),
    "two at once": request() + request("/v1/tally/b"),
    "query beside a view": request("/v1/dead-letters"),
}


def exchanged(data: bytes, *, fast_path: bool, split: int | None = None) -> bytes:
    """All that a server answers to this, without what changes from second to second."""

    async def script(port: int, _: ToySubject) -> bytes:
        line = await Line.to(port)
        line.send(data[:split])
        if split is not None:
            await line.drain()
            # The first part has arrived for sure once another client was served after it.
            other = await Line.to(port)
            other.send(request("/health"))
            await other.answer()
            await other.close()
            line.send(data[split:])
        line.send(request("/health", "GET", "connection: close"))
        answer = await line.rest()
        await line.close()
        return re.sub(rb"date: [^\r]*", b"date: now", answer)

    return serving(script, fast_path=fast_path)


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_give_the_same_bytes(name: str) -> None:
    """Status line, headers in their order, and body; on one connection, and what follows it too."""
    data = REQUESTS[name]

    assert exchanged(data, fast_path=True) == exchanged(data, fast_path=False)


def test_a_request_in_two_parts_goes_the_ordinary_way() -> None:
    """It is put together and answered the same."""
    whole = exchanged(request(), fast_path=True)

    assert exchanged(request(), fast_path=True, split=10) == whole
    assert exchanged(request("/v1/tally/a"), fast_path=True, split=30) == exchanged(
        request("/v1/tally/a"), fast_path=True
    )


def answers() -> QuickAnswers:
    """Answers of the toy."""
    return QuickAnswers(face(ToySubject()).declared.views, {"/v1/tally/other"}, Meter())


@pytest.mark.parametrize("name", ["plain", "with headers", "by name", "unknown name"])
def test_what_is_plain_is_answered_at_once(name: str) -> None:
    """A GET of a view with the usual headers; that there is no such name, the view itself finds."""
    assert answers().find(REQUESTS[name]) is not None


@pytest.mark.parametrize(
    "data",
    [
        *(
            data
            for name, data in REQUESTS.items()
            if name not in ("plain", "with headers", "by name", "unknown name") and name != "failing view"
        ),
        b"",
        b"GET /v1/tally HTTP/1.1\r\n",
        request("/v1/tally/other"),
        request("/v1/tally/"),
        request("/v1/tally/a/b"),
        request("//v1/tally"),
        request("/v1/tally", "GET", " folded: header"),
        request("/v1/tally", "GET", "bad header: x"),
        request("/v1/tally", "GET", "no-colon"),
        request("/v1/tally", "GET", "x: \x01"),
        request("/v1/tally", "GET", "x: \xe9"),
        request("/v1/tally", "GET", "transfer-encoding: chunked"),
        request("/v1/tally", "GET", "expect: 100-continue"),
        request("/v1/tally", "GET", "upgrade: x"),
        request("/v1/tally", "GET", "x-long: " + "y" * LONGEST),
        request().replace(b"\r\n", b"\n"),
    ],
)
def test_what_is_not_surely_plain_is_left_alone(data: bytes) -> None:
    """Another method, form, version or place, a body, several at once, anything malformed."""
    assert answers().find(data) is None


TOY = answers()


@given(place=st.integers(0, 200), byte=st.integers(0, 255))
def test_no_damaged_request_is_taken_for_another_view(place: int, byte: int) -> None:
    """One byte changed anywhere: it is left alone, or it is still a GET of a view by its own name."""
    data = bytearray(REQUESTS["with headers"])
    data[place % len(data)] = byte
    quick = TOY.find(bytes(data))

    if quick is not None:
        target = bytes(data).split(b" ")[1].decode()
        assert target == "/v1/tally" if not quick.arguments else target == f"/v1/tally/{quick.arguments[0]}"


def test_few_requests_are_remembered() -> None:
    """A client that varies its headers does not fill the memory."""
    known = QuickAnswers({"/v1/x": View(lambda: 1, ())}, (), Meter())
    for number in range(2 * MOST_KNOWN + 5):
        assert known.find(request("/v1/x", "GET", f"x-number: {number}")) is not None

    assert len(vars(known)["_known"]) <= MOST_KNOWN


def test_the_date_of_an_answer_is_that_of_the_second() -> None:
    """What stands before the length is made anew when the default headers are."""
    known = answers()
    first, second = [(b"date", b"1")], [(b"date", b"2")]

    assert known.begin(first) is known.begin(first)
    assert b"date: 2\r\n" in known.begin(second)
