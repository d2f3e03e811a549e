"""Requests and their answers as data: what is asked, what comes of it, how often it is tried.

Whatever a client does is written once, as steps: a generator that yields requests and pauses, is sent the
replies, and returns the result. `knotmeter.client.wire` carries them out, blocking or awaiting.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from knotmeter.client.errors import AnswerError, ProblemError, UnavailableError
from shared.clock import monotonic_ns
from shared.face.answers import Problem

T = TypeVar("T")

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
PROBLEM: Final = "application/problem+json"

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5
_GOOD: Final = 200
_SHOWN: Final = 80
"""Characters of an odd answer that are shown."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request."""

    method: str = "GET"
    url: str
    query: Mapping[str, str] = {}
    body: bytes | None = None
    """A JSON document."""
    accept: str = JSON
    is_safe: bool = True
    """Whether it changes nothing, so that it may be made again."""
    also_answers: tuple[int, ...] = ()
    """Statuses besides 200 whose body is the answer."""

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class Reply(NamedTuple):
    """What came back."""

    status: int
    media: str
    """Media type without its parameters, in lower case."""
    content: bytes


class Pause(NamedTuple):
    """Time to let pass before the next request."""

    seconds: float


Steps: TypeAlias = Generator["Request | Pause", "Reply | None", T]
"""What a client does, one request at a time, and its result."""


def asked(request: Request, kind: type[T], patience: float) -> Steps[T]:
    """Steps of one request whose answer is of a type.

    Args:
        request: what is asked.
        kind: type of the answer; `str` for text.
        patience: seconds for which a process that is not there is asked again, if asking is safe.

    Raises:
        ProblemError: it was refused.
        UnavailableError: nobody answered.
        ClientTimeoutError: the answer did not come in time.
        AnswerError: the answer is of another type.
    """
    reply = yield from _replied(request, patience)
    return answer_of(request, reply, kind)


def answer_of(request: Request, reply: Reply, kind: type[T]) -> T:
    """The answer in a reply.

    Raises:
        ProblemError: it is a problem.
        AnswerError: it is of another type.
    """
    if reply.media == PROBLEM:
        raise ProblemError(_decoded(request, reply, Problem, JSON), str(request))
    if reply.status != _GOOD and reply.status not in request.also_answers:
        raise AnswerError(str(request), f"status {_GOOD} or a problem", f"{reply.status} {_start(reply)}")
    if kind is str and reply.media.startswith("text/"):
        return reply.content.decode("utf-8", "replace")  # type: ignore[return-value]  # T is str here
    if reply.media not in (JSON, MSGPACK):
        raise AnswerError(str(request), f"`{request.accept}`", f"`{reply.media}` {_start(reply)}")
    return _decoded(request, reply, kind, reply.media)


def _replied(request: Request, patience: float) -> Steps[Reply]:
    """Steps of one request, made again for a while where nobody answers."""
    deadline = monotonic_ns() + round(patience * 1e9)
    pause = _FIRST_PAUSE
    while True:
        try:
            reply = yield request
        except UnavailableError:
            if not request.is_safe or monotonic_ns() >= deadline:
                raise
        else:
            assert reply is not None  # whoever carries out steps sends a reply for a request
            return reply
        yield Pause(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _decoded(request: Request, reply: Reply, kind: type[T], media: str) -> T:
    try:
        decoded: T = _decoder(cast(Hashable, kind), media).decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise AnswerError(str(request), f"`{name}` in {media}", str(error)) from error
    return decoded


@cache
def _decoder(kind: Hashable, media: str) -> Any:
    made: Any = msgspec.json.Decoder if media == JSON else msgspec.msgpack.Decoder
    return made(kind)


def _start(reply: Reply) -> str:
    text = reply.content[:_SHOWN].decode("utf-8", "replace").split("\n")[0]
    return repr(text)
