"""Documents of ``POST /v1/vpin``: what is sent, and what is answered."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from services.vpin.api.tape import QUOTES, TRADES, Nanoseconds
from services.vpin.config import Classification, SigmaEstimate
from services.vpin.engine import FIGURES
from shared.constraints import PositiveFloat
from shared.face.table import no_table
from shared.values import Parameters, Reason

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
