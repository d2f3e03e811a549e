"""``POST /v1/pin``: the probability of informed trading from daily counts that are sent."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from starlette.responses import Response

from services.vpin.kernel.pin import PinEstimate, fit_pin
from shared.face.answers import FieldProblem
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.values import Parameters, Reason

MOST_SESSIONS: Final = 2_000

Count = Annotated[int, Meta(ge=0, le=10**9, description="trades of a session")]
Counts = Annotated[list[Count], Meta(min_length=2, max_length=MOST_SESSIONS)]


class PinRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trades by side of sessions, each one day; sixty are usual."""

    buys: Counts
    sells: Counts


class PinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Maximum-likelihood estimate; null with a reason where the search found none."""

    pin: float | None
    """Probability that a trade is informed, 0 to 1."""
    reason: Reason | None
    alpha: float | None
    """Probability of news on a day."""
    delta: float | None
    """Probability that news is bad."""
    mu: float | None
    """Informed trades on a day with news."""
    epsilon_buy: float | None
    """Uninformed buys a day."""
    epsilon_sell: float | None
    """Uninformed sells a day."""
    log_likelihood: float | None
    at_boundary: bool | None
    """Whether alpha or delta ended at 0 or 1, where the estimate means little."""
    ts_event: None = None
    """Counts carry no time."""
    n_observations: int
    """Sessions."""
    method: str
    parameters: Parameters


EXAMPLE: Final = {"buys": [20, 55, 18, 22], "sells": [21, 20, 19, 61]}


def routes() -> Routes:
    """The computation."""
    found = Routes()

    @found.computation(
        "/v1/pin",
        PinAnswer,
        summary="Probability of informed trading from counts that are sent",
        request=PinRequest,
        example=EXAMPLE,
    )
    async def pin(exchange: Exchange) -> Response:
        """The model of Easley, Kiefer, O'Hara and Paperman (1996) with two uninformed rates."""
        request = exchange.document(PinRequest)
        _check(request)
        estimate = await exchange.compute(fit_pin, np.array(request.buys), np.array(request.sells))
        return exchange.answer(_answer(estimate))

    return found


def warm() -> None:
    """Compile the likelihood."""
    fit_pin(np.array(EXAMPLE["buys"]), np.array(EXAMPLE["sells"]))


def _check(request: PinRequest) -> None:
    if len(request.buys) != len(request.sells):
        expected = f"{len(request.buys)} elements like `buys`"
        raise _wrong("sells", expected, str(len(request.sells)))
    for name in ("buys", "sells"):
        if not any(getattr(request, name)):
            raise _wrong(name, "at least one trade", f"none in {len(request.buys)} sessions")


def _wrong(field: str, expected: str, found: str) -> ProblemError:
    return ProblemError.of_values(FieldProblem(field=field, expected=expected, found=found))


def _answer(estimate: PinEstimate) -> PinAnswer:
    figures = estimate._asdict()
    n_sessions, converged = figures.pop("n_sessions"), figures.pop("converged")
    return PinAnswer(
        **(figures if converged else dict.fromkeys(figures)),
        reason=None if converged else Reason.NOT_CONVERGED,
        n_observations=n_sessions,
        method="pin",
        parameters={"estimator": "maximum likelihood", "search": "L-BFGS-B from the grid of Yan and Zhang"},
    )
