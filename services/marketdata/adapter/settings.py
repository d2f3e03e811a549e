"""How a file is read: what its columns, times and sizes mean where the file does not say so itself.

Every setting may be left out; it is then found from the file, and what was found is said in the feed's notes
and by ``inspect``. `ReadSettings` given for all files are defaults of the `FileSettings` of each.

The fields that a column may be mapped to, in ``columns`` (an empty name means: no column of the file):

========================  ======================================================================
``ts_event``              when it happened at the source (for bars: see ``bar_stamp``)
``ts_init``               when it was received, if the file has that
``date``, ``time``        day and time of day, where the two stand apart
``instrument``            symbol or id of the instrument
``price``, ``size``       of a trade
``aggressor_side``        side that removed liquidity
``buyer_is_maker``        true where the seller removed liquidity (Binance's ``m``)
``bid_price`` ...         ``bid_price``, ``ask_price``, ``bid_size``, ``ask_size`` of a quote
``open`` ...              ``open``, ``high``, ``low``, ``close``, ``volume``, ``n_trades`` of a bar
========================  ======================================================================
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.constraints import PositiveFloat, TimeZoneName

Format = Literal["csv", "parquet", "dbn", "lean", "itch", "tardis"]
"""File formats that can be read."""

Kind = Literal["trade", "quote", "bar", "order", "level"]
"""What a row of a file is; orders and levels are changes of a book."""

TimeUnit = Literal["s", "ms", "us", "ns"]
"""What a time written as a number counts, since 1970 in UTC."""


class ReadSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files are read; None means: found from the file."""

    instrument: Annotated[
        str | None, Meta(description="Id of the one instrument of a file, `SYMBOL.VENUE`.")
    ] = None
    venue: Annotated[
        str | None, Meta(description="Venue put behind symbols that have none, e.g. `XNYS`.")
    ] = None
    format: Annotated[Format | None, Meta(description="Format: csv, parquet, dbn, lean, itch or tardis.")] = (
        None
    )
    kind: Annotated[
        Kind | None,
        Meta(
            description="What a row is: trade, quote, bar, order or level; what else a file has is left out."
        ),
    ] = None
    columns: Annotated[
        dict[str, str], Meta(description="Column of the file for each of our fields, e.g. `price = last`.")
    ] = msgspec.field(default_factory=dict)
    column_names: Annotated[
        tuple[str, ...], Meta(description="Names of the columns of a CSV file without a header line.")
    ] = ()
    delimiter: Annotated[
        str | None,
        Meta(description="The character between the columns of a CSV file; else found in its header line."),
    ] = None
    time_zone: Annotated[
        TimeZoneName | None, Meta(description="IANA zone of times written without one; else UTC.")
    ] = None
    time_unit: Annotated[
        TimeUnit | None, Meta(description="What times written as numbers count since 1970: s, ms, us or ns.")
    ] = None
    time_format: Annotated[
        str | None, Meta(description="Form of times written as text, as in strptime: `%d.%m.%Y %H:%M:%S`.")
    ] = None
    date: Annotated[
        str | None,
        Meta(description="Day of an ITCH file, `2019-12-30`; else found in the file's name."),
    ] = None
    bar_seconds: Annotated[
        PositiveFloat | None, Meta(description="Length of a bar, s; else the shortest distance of two bars.")
    ] = None
    bar_stamp: Annotated[
        Literal["open", "close"] | None,
        Meta(description="Which end of a bar the file's time names; else its open."),
    ] = None
    price_increment: Annotated[
        PositiveFloat | None, Meta(description="Smallest price step, quote currency; only told on.")
    ] = None
    size_increment: Annotated[
        PositiveFloat | None, Meta(description="Smallest step of sizes; sizes are counted in it.")
    ] = None
    price_multiplier: Annotated[
        PositiveFloat | None, Meta(description="What prices are multiplied by, e.g. 0.0001; not in DBN.")
    ] = None
    size_multiplier: Annotated[
        PositiveFloat | None,
        Meta(description="What sizes are multiplied by, e.g. 100; not in DBN."),
    ] = None


class FileSettings(ReadSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a feed, and how it is read."""

    path: Annotated[str, Meta(min_length=1, description="Path of the file.")]

    def over(self, defaults: ReadSettings) -> FileSettings:
        """These settings, with those of ``defaults`` where these say nothing.

        >>> FileSettings(path="a.csv", kind="quote").over(ReadSettings(venue="XNYS", kind="trade")).venue
        'XNYS'
        """
        unset = (None, ())
        given = {
            name: getattr(defaults, name)
            for name in ReadSettings.__struct_fields__
            if getattr(self, name) in unset
        }
        given["columns"] = {**defaults.columns, **self.columns}
        return msgspec.structs.replace(self, **given)
