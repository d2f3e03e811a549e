"""Commands over HTTP: published, read back, applied, and only then answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from shared.face.answers import FieldProblem
from shared.face.body import check_depth
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.face.subject import CommandReceipt, CommandTimeoutError, Subject
from shared.spec import CommandSpec


def routes_of(subject: Subject) -> Routes:
    """Routes of one process: one for each command that its engine declares."""
    routes = Routes()
    for command in subject.spec.commands:
        _declare(routes, subject, command)

    @routes.change("/v1/commands/{name}", CommandReceipt, summary="Any other command")
    async def unknown(exchange: Exchange) -> Response:
        """There is none; the answer names those there are."""
        known = ", ".join(f"`{command.name}`" for command in subject.spec.commands) or "none at all"
        name = exchange.request.path_params["name"]
        detail = f"expected a command of `{subject.spec.name}`: {known}; found `{name}`"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)

    return routes


async def carried_out(subject: Subject, name: str, arguments: dict[str, Any]) -> CommandReceipt:
    """Receipt of a command that was applied.

    Raises:
        ProblemError: it was refused, not read back in time, or the process takes none any more.
    """
    readiness = subject.readiness()
    if readiness.phase in ("draining", "failed"):
        detail = f"expected a process that takes commands, found one that is {readiness.phase}"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail)
    try:
        receipt = await subject.command(name, arguments)
    except CommandTimeoutError as error:
        detail = f"{error}; it was published and may still take effect: look at /state before you repeat it"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error
    if receipt.outcome == "refused":
        detail = f"expected a command that can be applied, found `{name}`: {receipt.error}"
        raise ProblemError(HTTPStatus.CONFLICT, detail, receipt=receipt)
    return receipt


def _declare(routes: Routes, subject: Subject, command: CommandSpec) -> None:
    kind = command.arguments

    async def endpoint(exchange: Exchange) -> Response:
        receipt = await carried_out(subject, command.name, _arguments(exchange, kind))
        return exchange.answer(receipt)

    endpoint.__name__ = f"command_{command.name}"
    endpoint.__doc__ = command.about
    routes.change(f"/v1/commands/{command.name}", CommandReceipt, summary=command.about, request=kind)(
        endpoint
    )


def _arguments(exchange: Exchange, kind: Any) -> dict[str, Any]:
    """Arguments that were sent: of the declared type, or none where none are declared."""
    if kind is not None:
        plain: dict[str, Any] = msgspec.to_builtins(exchange.document(kind), builtin_types=(bytes,))
        check_depth(plain)
        return plain
    given = exchange.document(dict[str, Any]) if exchange.has_document else {}
    if given:
        name = next(iter(given))
        raise ProblemError.of_values(FieldProblem(field=name, expected="no arguments", found=f"`{name}`"))
    return {}
