"""What a process answers, as its own OpenAPI document tells it: no engine's route is written down here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from knotmeter.client.errors import ClientError
from knotmeter.client.schema import Types

PREFIX: Final = "/v1/"
"""Where an engine's own routes begin."""

COMPUTES: Final = "computes"
"""Effect of a route that works on what it is sent and changes nothing."""

_TEXT: Final = "text/"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route."""

    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]
    """Values in its path, in order..."""
    query: tuple[str, ...]
    """...and those behind the question mark."""
    effect: str
    answer: Any
    """Type of its answer."""

    @property
    def name(self) -> str:
        """What a client calls it: the fixed words of its path."""
        words = [word for word in self.path.removeprefix(PREFIX).split("/") if not word.startswith("{")]
        return "_".join(filter(None, words)).replace("-", "_").replace(".", "_")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, segments: Sequence[str]) -> bool:
        """Whether a path of these segments is its."""
        own = self.path.removeprefix(PREFIX).strip("/").split("/")
        return len(own) == len(segments) and all(
            word == given or word.startswith("{") for word, given in zip(own, segments, strict=True)
        )

    def filled(self, values: Sequence[str]) -> list[str]:
        """Segments of its path with the values in their places."""
        given = iter(values)
        words = self.path.removeprefix(PREFIX).strip("/").split("/")
        return [next(given) if word.startswith("{") else word for word in words]


class RouteTable:
    """Every route of one process.

    Args:
        process: its name, for messages.
        document: its OpenAPI document.
    """

    def __init__(self, process: str, document: Mapping[str, Any]) -> None:
        self.title: str = document["info"]["title"]
        """What the process calls itself."""
        types = Types(document.get("components", {}).get("schemas", {}))
        self.routes = [
            _route(method.upper(), path, operation, types)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]
        self._process = process

    def named(self, name: str, n_values: int) -> Route:
        """The route of a name that takes so many values in its path; a GET before any other.

        Raises:
            ClientError: there is none.
        """
        found = [route for route in self.routes if route.name == name]
        fitting = [route for route in found if len(route.parameters) == n_values]
        if fitting:
            return min(fitting, key=lambda route: route.method != "GET")
        if found:
            expected = " or ".join(sorted({_values(route) for route in found}))
            message = f"`{self._process}.{name}`: expected {expected}, found {n_values}"
            raise ClientError(message)
        known = list(dict.fromkeys(route.name for route in self.routes if route.path.startswith(PREFIX)))
        raise self._unknown("a route", f"`{name}`", known, name)

    def at(self, method: str, segments: Sequence[str]) -> Route:
        """The route of a method at a path.

        Raises:
            ClientError: there is none.
        """
        fitting = [route for route in self.routes if route.method == method and route.at(segments)]
        if fitting:
            return min(fitting, key=lambda route: len(route.parameters))
        path = PREFIX + "/".join(segments)
        known = [route.path for route in self.routes if route.method == method]
        raise self._unknown(f"a path to {method}", f"`{path}`", known, path)

    def _unknown(self, what: str, found: str, known: Sequence[str], word: str) -> ClientError:
        names = ", ".join(f"`{name}`" for name in known) or "none"
        near = difflib.get_close_matches(word, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return ClientError(f"expected {what} of `{self._process}`: {names}; found {found}{hint}")


def _route(method: str, path: str, operation: Mapping[str, Any], types: Types) -> Route:
    content = operation["responses"].get("200", {}).get("content", {})
    media: str = next(iter(content), "")
    schema = content.get(media, {}).get("schema", {})
    parameters = operation.get("parameters", ())
    return Route(
        method=method,
        path=path,
        summary=operation.get("summary", ""),
        parameters=tuple(_PARAMETER.findall(path)),
        query=tuple(one["name"] for one in parameters if one["in"] == "query"),
        effect=operation.get("x-effect", ""),
        answer=str if media.startswith(_TEXT) else types.of(schema),
    )


def _values(route: Route) -> str:
    names = ", ".join(f"`{name}`" for name in route.parameters)
    return f"{len(route.parameters)} values in its path ({names})" if names else "no value in its path"
