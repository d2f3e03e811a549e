"""``POST /v1/vpin``: toxicity of trades that are sent, by the kernel of the bus."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from starlette.responses import Response

from bus.records import Array
from services.vpin.api.documents import EXAMPLE, Bucket, VpinAnswer, VpinRequest
from services.vpin.api.tape import Quote, Trade, quotes_of, size_step, trades_of
from services.vpin.config import Config
from services.vpin.engine import FIGURES, bought
from services.vpin.kernel.batch import toxicity
from services.vpin.kernel.layout import MAX_BUCKETS_PER_TRADE
from shared.face.answers import FieldProblem
from shared.face.exchange import Exchange
from shared.face.problem import ProblemError
from shared.face.routes import Routes
from shared.face.steps import counted, first_unfit
from shared.face.table import MISSING, Table
from shared.instruments import SCALE
from shared.values import Reason

MOST_BUCKETS: Final = MAX_BUCKETS_PER_TRADE
"""Buckets that the trades of one request may fill; a single trade may not fill more on the bus either."""

MOST_LOOKS: Final = 200_000_000
"""How often windows of one request may look at a bucket or a bar; it takes a second or two."""


class Measured(NamedTuple):
    """What came of a request."""

    buckets: Array
    """Records of `services.vpin.kernel.layout.BUCKET`."""
    step: Fraction
    """Size increment."""
    ts_end: int | None


def routes() -> Routes:
    """The computation."""
    found = Routes()

    @found.computation(
        "/v1/vpin",
        VpinAnswer,
        summary="VPIN of trades that are sent",
        request=VpinRequest,
        example=EXAMPLE,
        also=(Trade, Quote, Bucket),
    )
    async def vpin(exchange: Exchange) -> Response:
        """The fold of the bus on the trades of one instrument: for the same input the same bits.

        The first `n_buckets - 1` values are null. Under bulk classification the last bar counts as closed,
        unless `ts_end` says that the market was not watched to its end. Sizes and bucket volume must be whole
        numbers of one step. `lee_ready` needs quotes, `reported` a side of every trade.
        """
        request = exchange.document(VpinRequest)
        config = config_of(request)
        trades = await exchange.table(request.trades, "trades", Trade)
        quotes = await exchange.optional_table(request.quotes, "quotes", Quote)
        measured = await exchange.compute(measure, request, config, trades, quotes)
        rows = await exchange.rows(_buckets(measured, request))
        return exchange.answer(_answer(rows, request, config, trades, quotes, measured))

    return found


def config_of(request: VpinRequest) -> Config:
    """The settings that a request asks for.

    Raises:
        ConstraintError: they contradict each other.
        ProblemError: a figure that there is not.
    """
    for index, name in enumerate(request.figures):
        if name not in FIGURES:
            known = ", ".join(f"`{figure}`" for figure in FIGURES)
            raise ProblemError.of_values(
                FieldProblem(field=f"figures[{index}]", expected=f"one of {known}", found=name, index=index)
            )
    return Config(
        classification=request.classification,
        bucket_volume=request.bucket_volume,
        n_buckets=request.n_buckets,
        quote_lag_seconds=request.quote_lag_seconds,
        bar_seconds=request.bar_seconds,
        sigma_rule=request.sigma_rule or ("expanding" if request.sigma is None else "fixed"),
        sigma=request.sigma,
        sigma_half_life_bars=request.sigma_half_life_bars,
        sigma_window_bars=request.sigma_window_bars,
        degrees_of_freedom=request.degrees_of_freedom,
    )


def measure(request: VpinRequest, config: Config, trades: Table, quotes: Table | None) -> Measured:
    """Toxicity of the trades of a request.

    Raises:
        ProblemError: something of it is not what was expected.
    """
    _check_sides(request, trades, quotes)
    _check_increment(request)
    step = size_step(trades, request.bucket_volume, request.size_increment)
    volume = _bucket_units(request, step, trades)
    settings = config.kernel_settings()
    records = trades_of(trades, step)
    last = int(records["ts_event"][-1])
    ts_end = None
    if config.is_bulk:
        ts_end = (last // settings.bar + 1) * settings.bar if request.ts_end is None else request.ts_end
    buckets = toxicity(
        records,
        volume,
        settings,
        quotes=None if quotes is None else quotes_of(quotes, records),
        ts_end=ts_end,
        size_scale=int(step * SCALE) / SCALE,
        multiplier=request.multiplier,
    )
    return Measured(buckets, step, ts_end)


def _check_sides(request: VpinRequest, trades: Table, quotes: Table | None) -> None:
    """Refuse trades whose side cannot be known as the classification wants it known."""
    if request.classification == "reported":
        unknown = trades["aggressor_side"] == MISSING
        if unknown.any():
            raise trades.problem("aggressor_side", int(unknown.argmax()), "a side, with `reported`")
    if request.classification == "lee_ready" and quotes is None:
        raise ProblemError.of_values(
            FieldProblem(field="quotes", expected="quotes, with `lee_ready`", found="nothing")
        )


def _check_increment(request: VpinRequest) -> None:
    """Refuse an increment that no instrument can have."""
    increment = request.size_increment
    if increment is not None and (Fraction(str(increment)) * SCALE).denominator != 1:
        raise ProblemError.of_values(
            FieldProblem(field="size_increment", expected="a whole number of 1e-09", found=str(increment))
        )


def _bucket_units(request: VpinRequest, step: Fraction, trades: Table) -> int:
    """Bucket volume in size units, of which there must not be too many in all."""
    natural = np.array([request.bucket_volume])
    if first_unfit(natural, step) is not None:
        expected = f"a whole number of steps of {float(step):g}, as the sizes are"
        raise _wrong_volume(expected, request.bucket_volume)
    n_buckets = float(trades["size"].sum()) / request.bucket_volume
    if n_buckets > MOST_BUCKETS:
        expected = f"a volume that cuts the trades into at most {MOST_BUCKETS} buckets"
        raise _wrong_volume(expected, request.bucket_volume)
    _check_window("n_buckets", request.n_buckets, n_buckets)
    if request.sigma_rule == "rolling":
        _check_window("sigma_window_bars", request.sigma_window_bars, len(trades))
    return int(counted(natural, step)[0])


def _check_window(field: str, window: int, n_places: float) -> None:
    """Refuse a window that is looked through at so many places that others would wait long."""
    if window * n_places > MOST_LOOKS:
        most = int(MOST_LOOKS / n_places)
        expected = f"at most {most}, for that many trades and buckets"
        raise ProblemError.of_values(FieldProblem(field=field, expected=expected, found=str(window)))


def _wrong_volume(expected: str, found: float) -> ProblemError:
    return ProblemError.of_values(
        FieldProblem(field="bucket_volume", expected=expected, found=f"{found:.15g}")
    )


def _buckets(measured: Measured, request: VpinRequest) -> Iterator[Bucket]:
    """Buckets as they are answered."""
    made, unit = measured.buckets, int(measured.step * SCALE)
    columns = [
        made["index"],
        made["ts_close"],
        bought(made["volume"], made["imbalance"], unit),
        bought(made["volume"], -made["imbalance"], unit),
        made["vpin"],
        *(made[FIGURES[name]] for name in request.figures),
    ]
    for index, ts_event, buys, sells, vpin, *figures in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        known = vpin == vpin
        yield Bucket(
            index,
            ts_event,
            buys,
            sells,
            vpin if known else None,
            None if known else Reason.WARMING_UP,
            _figures(request.figures, figures) if figures else None,
        )


def _figures(names: tuple[str, ...], values: list[float]) -> dict[str, float | None]:
    pairs = zip(names, values, strict=True)
    return {name: value if np.isfinite(value) else None for name, value in pairs}


def _answer(
    rows: msgspec.Raw,
    request: VpinRequest,
    config: Config,
    trades: Table,
    quotes: Table | None,
    measured: Measured,
) -> VpinAnswer:
    last = int(trades["ts_event"][-1])
    uses_quotes = quotes is not None and config.classification == "lee_ready"
    last_quote = int(quotes["ts_event"][-1]) if quotes is not None and uses_quotes else last
    bulk: dict[str, Any] = {
        "bar_seconds": config.bar_seconds,
        "sigma_rule": config.sigma_rule,
        "sigma": config.sigma,
        "ts_end": measured.ts_end,
    }
    return VpinAnswer(
        buckets=rows,
        ts_event=max(last, last_quote),
        as_of_oldest=min(last, last_quote),
        n_observations=len(trades),
        method="vpin",
        parameters={
            "classification": config.classification,
            "bucket_volume": request.bucket_volume,
            "n_buckets": config.n_buckets,
            "size_increment": float(measured.step),
            "multiplier": request.multiplier,
            "quote_lag_seconds": config.quote_lag_seconds if uses_quotes else None,
            **{name: value if config.is_bulk else None for name, value in bulk.items()},
            "degrees_of_freedom": (
                config.degrees_of_freedom if config.classification == "bulk_student_t" else None
            ),
        },
    )
