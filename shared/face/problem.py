"""Errors as programs and people read them: problem details after RFC 9457.

Every answer that is no success is one of these, whoever found the problem: what was expected, what came,
where, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import ConstraintError, KnotmeterError
from shared.face.answers import FieldProblem, Problem
from shared.face.subject import CommandReceipt

MEDIA_TYPE: Final = "application/problem+json"


class ProblemError(KnotmeterError):
    """A request that is answered with a problem.

    Args:
        status: HTTP status.
        detail: what was expected, what came, and what to do.
        errors: values at fault.
        headers: more headers of the answer.
        receipt: the command that was refused.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        *,
        headers: Mapping[str, str] | None = None,
        receipt: CommandReceipt | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.receipt = receipt

    @classmethod
    def of_values(cls, *errors: FieldProblem) -> ProblemError:
        """What is wrong with the values of a request; nothing of it was done."""
        return cls(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(map(_sentence, errors)), errors)

    @classmethod
    def of_constraint(cls, error: ConstraintError) -> ProblemError:
        """The same for a constraint that an engine found violated."""
        field = error.name if error.index is None else f"{error.name}[{error.index}]"
        return cls.of_values(
            FieldProblem(field=field, expected=error.expected, found=error.got, index=error.index)
        )


def problem_of(error: ProblemError, path: str) -> Problem:
    """Body of the answer to a request for this path."""
    return Problem(
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=error.detail,
        instance=path,
        errors=error.errors or msgspec.UNSET,
        receipt=error.receipt or msgspec.UNSET,
    )


def encode_problem(error: ProblemError, path: str) -> bytes:
    """Bytes of the body."""
    return msgspec.json.encode(problem_of(error, path))


def problem_response(request: Request, error: ProblemError) -> Response:
    """The whole answer."""
    return Response(
        encode_problem(error, request.url.path), error.status, headers=error.headers, media_type=MEDIA_TYPE
    )


def _sentence(error: FieldProblem) -> str:
    return f"`{error.field}`: expected {error.expected}, found {error.found}"
