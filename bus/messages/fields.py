"""Field dictionary of the payloads: what each name means, a table for each domain; see `bus.fields`."""

from __future__ import annotations

from typing import Final

from bus.field import Field, count, text, volume

CONTROL: Final = {
    "target": text("Engine it is for.", "engine"),
    "name": text("Which command or result."),
    "heard": Field("table", "sequence", ">= 0", "Last sequence taken of a source, by its name."),
    "arguments": Field("table", "-", "-", "Arguments of the command or result by name."),
    "n_handled": count("records and events", "Inputs handled since the start."),
    "n_dead_letters": count("dead letters", "Inputs set aside since the start."),
    "n_missing": count("records and events", "Inputs lost before they were read, since the start."),
    "producer": text("Source whose message it is about.", "source, or the bus"),
    "producer_epoch": Field("integer", "-", ">= 0", "Epoch of that message."),
    "producer_sequence": Field("integer", "-", ">= 0", "Sequence of that message."),
    "message_type": text("Record kind or topic of that message, or `entry` if it could not be decoded."),
    "error": text("Why an input was set aside or a work has no result: expected, found, where."),
    "content": Field("bytes", "-", "-", "The message as it was read."),
    "redriven_from": Field(
        "integer", "sequence", ">= 1", "Dead letter it comes from, if it was tried again."
    ),
}

TOXICITY: Final = {
    "bucket_index": count("buckets", "Completed buckets of the instrument before this one."),
    "vpin": Field(
        "number", "ratio", "0 to 1", "Sum of absolute imbalance over sum of volume, last n buckets."
    ),
    "vpin_cdf": Field(
        "number", "fraction", "0 to 1", "Share of the instrument's last `vpin` values at or below this one."
    ),
    "level": text("Alarm by `vpin_cdf`.", bound="normal, elevated, alarm"),
    "bucket_volume": volume("Volume of every bucket.", "> 0"),
    "buy_volume": volume("Part of the bucket's volume that buyers initiated."),
    "sell_volume": volume("Part of the bucket's volume that sellers initiated."),
    "unclassified_volume": volume("Volume without a side, left out of the buckets since the last one."),
    "signed_imbalance": volume("Buy less sell volume of the bucket.", "> 0 more was bought"),
    "mean_signed_imbalance": volume("Mean of `signed_imbalance`, last n buckets.", "> 0 more was bought"),
    "trade_intensity": Field("number", "trades/s", ">= 0", "Trades per second through the last n buckets."),
    "realized_volatility": Field(
        "number", "fraction", ">= 0", "Root of the sum of squared log returns of the last n buckets."
    ),
    "kyle_lambda": Field(
        "number",
        "currency per unit of size",
        "any",
        "Slope of price change on signed imbalance, last n buckets.",
    ),
    "amihud_illiquidity": Field(
        "number", "1 per currency", ">= 0", "Mean absolute return over currency traded, last n buckets."
    ),
    "roll_spread": Field("number", "currency", "> 0", "Effective spread implied by the bounce of prices."),
    "classification": text("How the side of volume is known."),
    "sigma_rule": text("How `sigma` is estimated."),
    "sigma": Field("number", "currency", "> 0", "Standard deviation of the price change of a time bar."),
    "n_buckets": count("buckets", "Window of the figures, n."),
    "n_observations": count("observations", "Inputs in the window so far, at most the window."),
    "reasons": Field("table", "-", "-", "Why a figure is null, by its name."),
}

PAYLOADS: Final = CONTROL | TOXICITY
"""Names that stand in payloads alone."""
