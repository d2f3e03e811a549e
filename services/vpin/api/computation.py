"""``POST /v1/vpin``: toxicity of trades that are sent, by the kernel of the bus."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from starlette.responses import Response

from bus.records import Array
from services.vpin.api.tape import QUOTES, TRADES, Nanoseconds, Quote, Trade, quotes_of, size_step, trades_of
from services.vpin.config import Classification, Config, SigmaEstimate
from services.vpin.engine import FIGURES, bought
from services.vpin.kernel.batch import toxicity
from services.vpin.kernel.layout import MAX_BUCKETS_PER_TRADE
from shared.constraints import PositiveFloat
from shared.face.exchange import Exchange
from shared.face.problem import FieldProblem, ProblemError
from shared.face.routes import Routes
from shared.face.steps import counted, first_unfit
from shared.face.table import MISSING, Table, no_table
from shared.instruments import SCALE
from shared.values import Parameters, Reason

MOST_BUCKETS: Final = MAX_BUCKETS_PER_TRADE
"""Buckets that the trades of one request may fill; a single trade may not fill more on the bus either."""


Step = Annotated[float, Meta(ge=1e-9, le=1e9)]


class VpinRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trades of one instrument, and how their toxicity is measured; defaults are those of the settings."""

    trades: Annotated[msgspec.Raw, TRADES]
    bucket_volume: Annotated[PositiveFloat, Meta(le=2.0**53, description="Volume of a bucket.")]
    n_buckets: Annotated[int, Meta(ge=1, le=10_000, description="Buckets in the window.")] = 50
    classification: Classification = "reported"
    quotes: Annotated[msgspec.Raw, QUOTES] = msgspec.field(default_factory=no_table)
    quote_lag_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="How much older than a trade its quote is.")
    ] = 0.0
    bar_seconds: Annotated[
        float, Meta(ge=1e-6, le=86_400, description="Length of the bars of bulk classification.")
    ] = 60.0
    sigma: Annotated[
        PositiveFloat | None, Meta(description="Standard deviation of a bar's price change, if it is known.")
    ] = None
    sigma_rule: Annotated[
        SigmaEstimate | None, Meta(description="How it is estimated; `fixed` with `sigma`, else `expanding`.")
    ] = None
    sigma_half_life_bars: PositiveFloat = 60.0
    sigma_window_bars: Annotated[int, Meta(ge=2, le=100_000)] = 60
    degrees_of_freedom: Annotated[float, Meta(ge=0.01, le=10_000)] = 0.25
    ts_end: Annotated[
        Nanoseconds | None,
        Meta(description="Time up to which the market was watched; the end of the last bar if not given."),
    ] = None
    size_increment: Annotated[
        Step | None,
        Meta(description="Step of sizes; the largest decimal one that fits if not given."),
    ] = None
    multiplier: Annotated[PositiveFloat, Meta(le=1e9, description="Currency of a price unit and size 1.")] = (
        1.0
    )
    figures: Annotated[
        tuple[str, ...], Meta(max_length=len(FIGURES), description="More figures of each bucket, by name.")
    ] = ()


class Bucket(msgspec.Struct, frozen=True, omit_defaults=True):
    """A completed bucket; the reason is there where there is no VPIN, figures where they were asked for."""

    index: int
    ts_event: int
    """Its close, ns."""
    buy_volume: float
    sell_volume: float
    vpin: float | None
    reason: Reason | None = None
    figures: dict[str, float | None] | None = None


class VpinAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Buckets in order, and how they were made."""

    buckets: Annotated[
        msgspec.Raw,
        Meta(extra_json_schema={"type": "array", "items": {"$ref": "#/components/schemas/Bucket"}}),
    ]
    ts_event: int
    """Time of the newest input, ns."""
    as_of_oldest: int
    """Time of the last trade or, if it is older, of the last quote, ns."""
    n_observations: int
    """Trades."""
    method: str
    parameters: Parameters


class Measured(NamedTuple):
    """What came of a request."""

    buckets: Array
    """Records of `services.vpin.kernel.layout.BUCKET`."""
    step: Fraction
    """Size increment."""
    ts_end: int | None


EXAMPLE: Final = {
    "bucket_volume": 10,
    "n_buckets": 2,
    "classification": "reported",
    "trades": [
        {"ts_event": 1, "price": 100.0, "size": 7, "aggressor_side": 1},
        {"ts_event": 2, "price": 100.0, "size": 7, "aggressor_side": -1},
        {"ts_event": 3, "price": 100.0, "size": 6, "aggressor_side": 1},
    ],
}


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
    return int(counted(natural, step)[0])


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
