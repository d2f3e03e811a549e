"""Answers: encoded once, as JSON or, where the client prefers it, as MessagePack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.face.turns import turn

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"

HEADERS: Final = {"cache-control": "no-store", "vary": "accept"}
"""Headers of every answer: it is of its moment, and its form depends on who asks."""

ROWS_A_TURN: Final = 500
"""Rows of a long answer that are encoded before the event loop gets a turn."""

_NAMES: Final = frozenset({MSGPACK, "application/x-msgpack", "application/vnd.msgpack"})
_to_json: Final = msgspec.json.Encoder().encode
_to_msgpack: Final = msgspec.msgpack.Encoder().encode


def encode(value: Any, media: str) -> bytes:
    """A value in one of the two forms.

    >>> encode({"size": None}, JSON), encode([1, 2], MSGPACK).hex()
    (b'{"size":null}', '920102')
    """
    return _to_json(value) if media == JSON else _to_msgpack(value)


def preferred(accept: str | None) -> str:
    """The form that a client asks for: JSON unless it likes MessagePack better.

    >>> preferred("*/*"), preferred("application/json;q=0.5, application/msgpack")
    ('application/json', 'application/msgpack')
    """
    if accept is None or "msgpack" not in (accept := accept.lower()):
        return JSON
    wishes = [_wish(part) for part in accept.split(",")]
    msgpack = max((weight for name, weight in wishes if name in _NAMES), default=0.0)
    json = max((weight for name, weight in wishes if name == JSON), default=0.0)
    return MSGPACK if msgpack > json or (msgpack == json > 0.0 and _is_first(wishes)) else JSON


def answer(request: Request, value: Any, status: int = 200) -> Response:
    """The answer to a request in the form it asks for."""
    media = preferred(request.headers.get("accept"))
    return encoded(encode(value, media), media, status)


def encoded(data: bytes, media: str = JSON, status: int = 200) -> Response:
    """The answer whose body was encoded already."""
    return Response(data, status, headers=HEADERS, media_type=media)


async def encode_rows(rows: Iterable[Any], media: str) -> msgspec.Raw:
    """A long list, to be put into an answer as it is; the event loop gets its turns meanwhile."""
    parts: list[bytes] = []
    n_rows = 0
    for piece in _pieces(iter(rows)):
        n_rows += len(piece)
        parts.append(_to_json(piece)[1:-1] if media == JSON else b"".join(map(_to_msgpack, piece)))
        await turn()
    if media == JSON:
        return msgspec.Raw(b"[" + b",".join(parts) + b"]")
    return msgspec.Raw(b"\xdd" + n_rows.to_bytes(4, "big") + b"".join(parts))


def _pieces(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while piece := list(islice(rows, ROWS_A_TURN)):
        yield piece


def _wish(part: str) -> tuple[str, float]:
    """Media type and weight of one part of an ``Accept`` header; a weight that is none counts as 0."""
    name, *parameters = (word.strip() for word in part.split(";"))
    weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
    try:
        return name, min(max(float(weight), 0.0), 1.0)
    except ValueError:
        return name, 0.0


def _is_first(wishes: list[tuple[str, float]]) -> bool:
    return next(name for name, _ in wishes if name in _NAMES or name == JSON) in _NAMES
