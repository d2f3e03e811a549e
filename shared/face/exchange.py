"""One request that brings data, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.face import body
from shared.face.answer import encode, encode_rows, encoded, preferred
from shared.face.table import Table, read_table
from shared.face.turns import Computations

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Exchange:
    """What a computation needs of the face: the document it was sent, a thread to work in, and its answer."""

    def __init__(self, request: Request, data: bytes, computations: Computations) -> None:
        self.request = request
        self._data = data
        self._computations = computations
        self.media = preferred(request.headers.get("accept"))
        """Form of the answer."""

    @property
    def has_document(self) -> bool:
        """Whether anything was sent."""
        return bool(self._data)

    def document(self, kind: type[T]) -> T:
        """What was sent, as a type; a long table in it is a field of type `msgspec.Raw`.

        Raises:
            ProblemError: it is of another.
        """
        return body.decode(self._data, kind)

    async def table(self, raw: msgspec.Raw, name: str, row: type[msgspec.Struct]) -> Table:
        """A long table of the document; see `shared.face.table.read_table`."""
        return await read_table(raw, name, row)

    async def optional_table(self, raw: msgspec.Raw, name: str, row: type[msgspec.Struct]) -> Table | None:
        """The same for one that need not be there; see `shared.face.table.no_table`."""
        return None if bytes(memoryview(raw)[:4]) in (b"", b"null") else await self.table(raw, name, row)

    async def compute(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Result of a function that works on what was sent, beside the event loop."""
        return await self._computations.run(function, *args, **kwargs)

    async def rows(self, rows: Iterable[Any]) -> msgspec.Raw:
        """A long list, to be put into the answer."""
        return await encode_rows(rows, self.media)

    def answer(self, value: Any) -> Response:
        """The answer."""
        return encoded(encode(value, self.media), self.media)
