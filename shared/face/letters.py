"""Dead letters over HTTP: what was set aside, and the command to try it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from bus.messages.control import DeadLetter
from shared.dead_letters import REDRIVE
from shared.face.answer import answer
from shared.face.answers import FieldProblem, Letter, Letters, WholeLetter
from shared.face.commands import carried_out
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.face.subject import CommandReceipt, Subject

MOST_LISTED: Final = 1_000


def routes_of(subject: Subject) -> Routes:
    """Routes of one process."""
    routes = Routes()

    @routes.query("/v1/dead-letters", Letters, summary="Inputs that were set aside")
    async def listed(request: Request, limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50) -> Response:
        """The last ones, newest first; what stands in them is asked for one by one."""
        found = await subject.dead_letters(limit)
        shown = [_letter(number, letter) for number, letter in found]
        return answer(request, Letters(n_dead_letters=subject.runtime.n_dead_letters, dead_letters=shown))

    @routes.query("/v1/dead-letters/{number}", WholeLetter, summary="One input that was set aside")
    async def one(request: Request, number: str) -> Response:
        place, letter = await _found(subject, number)
        shown = msgspec.structs.asdict(_letter(place, letter))
        return answer(request, WholeLetter(**shown, content=letter.content))

    @routes.change("/v1/dead-letters/{number}/redrive", CommandReceipt, summary="Try an input again")
    async def redrive(exchange: Exchange) -> Response:
        """Handle it now, as late data; when that has happened the letter is gone and the answer comes."""
        place, letter = await _found(subject, exchange.request.path_params["number"])
        receipt = await carried_out(subject, REDRIVE, msgspec.structs.asdict(letter))
        await subject.forget_dead_letter(place)
        return exchange.answer(receipt)

    return routes


async def _found(subject: Subject, number: str) -> tuple[int, DeadLetter]:
    if not (number.isdecimal() and number.isascii() and len(number) < 20):
        raise ProblemError.of_values(FieldProblem(field="number", expected="a whole number", found=number))
    letter = await subject.dead_letter(int(number))
    if letter is None:
        detail = f"expected the number of a dead letter that is kept, found {number}; see /v1/dead-letters"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail)
    return int(number), letter


def _letter(number: int, letter: DeadLetter) -> Letter:
    return Letter(
        number=number,
        producer=letter.producer,
        producer_epoch=letter.producer_epoch,
        producer_sequence=letter.producer_sequence,
        message_type=letter.message_type,
        error=letter.error,
        n_bytes=len(letter.content),
        redriven_from=letter.redriven_from,
    )
