"""Trades and quotes in requests, and the records that they are on the bus."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from bus.record_codes import SideOrigin
from bus.records import Array
from services.vpin.kernel.batch import quote_records, trade_records
from shared.constraints import check_sorted
from shared.face.steps import counted, first_unfit, in_finest, step_of
from shared.face.table import MISSING, MOST_ROWS, Table
from shared.instruments import SCALE

LARGEST_PRICE: Final = 4.0e9
"""So that prices in 1e-9 stay below 2^62."""

LATEST: Final = 4_600_000_000_000_000_000
"""Largest time, in the year 2115, so that the bar around it ends below 2^62 too."""

Nanoseconds = Annotated[int, Meta(ge=-LATEST, le=LATEST, description="a time, ns since 1970-01-01 UTC")]
Price = Annotated[float, Meta(ge=-LARGEST_PRICE, le=LARGEST_PRICE, description="a price, quote currency")]
Size = Annotated[float, Meta(ge=0.0, le=2.0**53, description="a size, natural units")]


class Trade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trade."""

    ts_event: Nanoseconds
    price: Price
    size: Size
    aggressor_side: Literal[-1, 0, 1] | None = None
    """Buyer 1, seller -1, none 0 as in an auction; left out where it is not known."""


class Print(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trade of which price and time are looked at."""

    ts_event: Nanoseconds
    price: Price
    size: Size | None = None
    aggressor_side: Literal[-1, 0, 1] | None = None


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A best bid and ask; a side with price 0 and size 0 is absent."""

    ts_event: Nanoseconds
    bid_price: Price
    ask_price: Price
    bid_size: Size | None = None
    ask_size: Size | None = None


def rows_of(row: type[msgspec.Struct]) -> dict[str, Any]:
    """Schema of a table: a list of rows, or a list for each column.

    >>> rows_of(Quote)["anyOf"][0]["items"]
    {'$ref': '#/components/schemas/Quote'}
    """
    reference = f"#/components/schemas/{row.__name__}"
    columns = {
        field.name: {"type": "array", "items": {"$ref": f"{reference}/properties/{field.name}"}}
        for field in msgspec.structs.fields(row)
    }
    required = [field.name for field in msgspec.structs.fields(row) if field.required]
    return {
        "anyOf": [
            {"type": "array", "items": {"$ref": reference}, "minItems": 1, "maxItems": MOST_ROWS},
            {"type": "object", "properties": columns, "required": required},
        ]
    }


TRADES: Final = Meta(description="Trades in the order of trading.", extra_json_schema=rows_of(Trade))
PRINTS: Final = Meta(description="Trades in the order of trading.", extra_json_schema=rows_of(Print))
QUOTES: Final = Meta(description="Quotes of the same instrument.", extra_json_schema=rows_of(Quote))


def size_step(trades: Table, bucket_volume: float, given: float | None) -> Fraction:
    """Size increment of an instrument that has these sizes: the one given, or the largest decimal one.

    Raises:
        ProblemError: a size is no whole number of it.
    """
    sizes = trades["size"]
    step = step_of(np.append(sizes, bucket_volume)) if given is None else Fraction(str(given))
    finest = step or Fraction(1, SCALE)
    wrong = first_unfit(sizes, finest)
    if wrong is not None:
        raise trades.problem("size", wrong, f"a whole number of steps of {float(finest):g}, fewer than 2^53")
    return finest


def trades_of(trades: Table, step: Fraction | None = None) -> Array:
    """Records of trades; without a step of sizes all are of size 0.

    Raises:
        ProblemError: they are not in the order of time.
    """
    trades.check("ts_event", check_sorted)
    sizes = np.zeros(len(trades), np.int64) if step is None else counted(trades["size"], step)
    sides = trades["aggressor_side"]
    records = trade_records(trades["ts_event"], in_finest(trades["price"]), sizes, np.maximum(sides, -1))
    unknown = sides == MISSING
    records["aggressor_side"][unknown] = 0
    records["side_origin"][unknown] = SideOrigin.NONE
    return records


def quotes_of(quotes: Table, trades: Array) -> Array:
    """Records of quotes between trades.

    Raises:
        ProblemError: they are not in the order of time.
    """
    quotes.check("ts_event", check_sorted)
    bid, ask = in_finest(quotes["bid_price"]), in_finest(quotes["ask_price"])
    records = quote_records(quotes["ts_event"], bid, ask, trades)
    for side in ("bid_size", "ask_size"):
        # How large a side is, nobody asks; whether it is there, they do. NaN is not told, so it is there.
        records[side] = quotes[side] != 0.0
    return records
