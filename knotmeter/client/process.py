"""One process of a fleet, as a client sees it: an engine or the recorder.

Every method is written once, as steps, and serves both clients. What all processes answer has types that are
known here; an engine's own routes are taken from the document that it publishes of itself, and so are the
types of their answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar, overload
from urllib.parse import quote

from knotmeter.client import answers, document
from knotmeter.client.errors import ClientError
from knotmeter.client.operation import Awaiting, Blocking, Mode, operation
from knotmeter.client.request import MSGPACK, Request, Steps, asked
from knotmeter.client.routes import COMPUTES, PREFIX, Route, RouteTable
from knotmeter.client.wire import Wire
from shared.face.subject import CommandReceipt, Readiness
from shared.latency import LatencySnapshot

T = TypeVar("T")

_NOT_READY: Final = 503


class Process(Generic[Mode]):
    """What every process answers.

    Args:
        name: its name in the fleet; None where only its address is known.
        url: where it is.
        wire: who carries out what is asked.
        patience: seconds for which it is asked again while it is not there, if asking changes nothing.
    """

    def __init__(self, name: str | None, url: str, wire: Wire, patience: float) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._wire = wire
        self._patience = patience
        self._table: RouteTable | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name or 'unnamed'} at {self.url})"

    def perform(self, steps: Steps[Any]) -> Any:
        """The result of steps, or an awaitable of it."""
        return self._wire.perform(steps)

    @operation
    def health(self) -> Steps[answers.Health]:
        """Whether it is alive."""
        return (yield from self._ask("/health", answers.Health))

    @operation
    def ready(self) -> Steps[Readiness]:
        """Whether its figures are up to date, and if not, why; no error where they are not."""
        return (yield from self._ask("/ready", Readiness, also_answers=(_NOT_READY,)))

    @operation
    def metrics(self) -> Steps[str]:
        """Its metrics, as Prometheus reads them."""
        return (yield from self._ask("/metrics", str, accept="text/plain"))

    @operation
    def routes(self) -> Steps[list[Route]]:
        """Everything it answers."""
        return (yield from self._routes()).routes

    @overload
    def get(self: Process[Blocking], *path: str, answer: type[T], **parameters: object) -> T: ...

    @overload
    def get(self: Process[Awaiting], *path: str, answer: type[T], **parameters: object) -> Awaitable[T]: ...

    @overload
    def get(self, *path: str, answer: None = None, **parameters: object) -> Any: ...

    def get(self, *path: str, answer: Any = None, **parameters: object) -> Any:
        """Ask one of its own routes, such as ``get("quotes", "ES.XCME")``.

        Args:
            *path: segments of the path below ``/v1``.
            answer: type of the answer; that which the process declares if not given.
            **parameters: those behind the question mark; one that is None is left out.

        Raises:
            ClientError: it has no such route, nobody answered, or the request was refused.
        """
        return self.perform(self._call("GET", path, parameters, answer))

    @overload
    def post(self: Process[Blocking], *path: str, answer: type[T], **fields: object) -> T: ...

    @overload
    def post(self: Process[Awaiting], *path: str, answer: type[T], **fields: object) -> Awaitable[T]: ...

    @overload
    def post(self, *path: str, answer: None = None, **fields: object) -> Any: ...

    def post(self, *path: str, answer: Any = None, **fields: object) -> Any:
        """Send one of its own routes a document, such as ``post("pin", buys=[20, 55], sells=[21, 20])``.

        Args:
            *path: segments of the path below ``/v1``.
            answer: type of the answer; that which the process declares if not given.
            **fields: of the document, arrays and tables as `knotmeter.client.document.encode` takes them; one
                that is None is left out.

        Raises:
            ClientError: it has no such route, nobody answered, or the request was refused.
        """
        return self.perform(self._call("POST", path, fields, answer))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """One of its own routes by name: ``process.quotes("ES.XCME", limit=5)``."""
        if name.startswith("_"):
            message = f"`{type(self).__name__}` has no attribute `{name}`"
            raise AttributeError(message)
        return lambda *values, **more: self.perform(self._call_named(name, values, more))

    def _ask(self, path: str, kind: type[T], **more: Any) -> Steps[T]:
        return (yield from asked(Request(url=self.url + path, **more), kind, self._patience))

    def _change(self, path: str, fields: Mapping[str, Any]) -> Steps[CommandReceipt]:
        """Steps of a command: never made again, for nobody knows whether it was heard."""
        body = document.encode(fields) if fields else None
        request = Request(method="POST", url=self.url + path, body=body, is_safe=False)
        return (yield from asked(request, CommandReceipt, 0.0))

    def _routes(self) -> Steps[RouteTable]:
        if self._table is None:
            told = yield from self._ask("/openapi.json", dict[str, Any])
            self._table = RouteTable(self.name or told["info"]["title"], told)
        if self.name is not None and self._table.title != self.name:
            message = f"expected `{self.name}` at {self.url}, found `{self._table.title}`"
            raise ClientError(message)
        return self._table

    def _call_named(self, name: str, values: tuple[object, ...], more: Mapping[str, Any]) -> Steps[Any]:
        route = (yield from self._routes()).named(name, len(values))
        return (
            yield from self._call(
                route.method, tuple(route.filled([str(value) for value in values])), more, None, route
            )
        )

    def _call(
        self,
        method: str,
        path: tuple[str, ...],
        more: Mapping[str, Any],
        answer: Any,
        route: Route | None = None,
    ) -> Steps[Any]:
        """Steps of a call; without a type of the answer the process is asked what it declares."""
        if answer is None and route is None:
            route = (yield from self._routes()).at(method, path)
        given = {name: value for name, value in more.items() if value is not None}
        url = self.url + PREFIX + "/".join(quote(segment, safe="") for segment in path)
        if method == "GET":
            request = Request(url=url, query={name: _text(value) for name, value in given.items()})
        else:
            is_safe = route is not None and route.effect == COMPUTES
            request = Request(
                method=method, url=url, body=document.encode(given), accept=MSGPACK, is_safe=is_safe
            )
        kind = answer if answer is not None else route.answer if route is not None else Any
        return (yield from asked(request, kind, self._patience))


class Engine(Process[Mode]):
    """An engine: what all engines answer, and by name or path what this one does."""

    @operation
    def spec(self) -> Steps[answers.Declaration]:
        """What it declares of itself."""
        return (yield from self._ask("/spec", answers.Declaration))

    @operation
    def state(self, *, summary: bool = True) -> Steps[answers.State]:
        """How it is doing: counts, times, and a summary with a row for each thing one would ask about."""
        return (yield from self._ask("/state", answers.State, query={"summary": _text(summary)}))

    @operation
    def latency(self) -> Steps[LatencySnapshot]:
        """Its three latency measures against the rungs, since the process started."""
        return (yield from self._ask("/latency", LatencySnapshot))

    @operation
    def dead_letters(self, limit: int = 50) -> Steps[answers.Letters]:
        """The last inputs that it set aside, newest first."""
        query = {"limit": str(limit)}
        return (yield from self._ask("/v1/dead-letters", answers.Letters, query=query))

    @operation
    def dead_letter(self, number: int) -> Steps[answers.WholeLetter]:
        """One input that it set aside, with its bytes."""
        return (yield from self._ask(f"/v1/dead-letters/{number}", answers.WholeLetter))

    @operation
    def redrive(self, number: int) -> Steps[CommandReceipt]:
        """Have an input that it set aside tried again; returns once that has happened.

        Raises:
            ProblemError: it failed again, or there is none of this number.
        """
        return (yield from self._change(f"/v1/dead-letters/{number}/redrive", {}))

    @operation
    def command(self, name: str, /, **arguments: object) -> Steps[CommandReceipt]:
        """Give it a command; returns once it was read back from the bus and applied.

        Raises:
            ProblemError: it takes no such command, or refused it; the receipt says why.
        """
        return (yield from self._change(f"/v1/commands/{quote(name, safe='')}", arguments))

    @operation
    def compute(self, /, **fields: object) -> Steps[Any]:
        """Its own computation, the route that bears its name, on data that is sent.

        Args:
            **fields: of the document; tables may be mappings of arrays, structured arrays or DataFrames.

        Raises:
            ProblemError: a value is not what was expected; `errors` names each with its place.
        """
        table = yield from self._routes()
        return (yield from self._call("POST", (table.title,), fields, None))


class RecorderProcess(Process[Mode]):
    """The recorder."""

    @operation
    def state(self) -> Steps[answers.RecorderVitals]:
        """How far the recording has got, and who holds the buses back."""
        return (yield from self._ask("/state", answers.RecorderVitals))


def _text(value: object) -> str:
    """A value as it stands behind a question mark."""
    return str(value).lower() if isinstance(value, bool) else str(value)
