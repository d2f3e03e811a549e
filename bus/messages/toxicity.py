"""Order-flow toxicity, one message for each completed volume bucket."""

from __future__ import annotations

import msgspec


class Toxicity(msgspec.Struct, frozen=True, kw_only=True):
    """State of one instrument's toxicity at the close of a bucket.

    Volumes are in natural units. ``level`` is ``normal``, ``elevated`` or ``alarm``. A figure that cannot be
    computed yet is ``None``; ``reasons`` then says why under the figure's name. ``bar_seconds``,
    ``sigma_rule`` and ``sigma`` are those of bulk classification, and ``None`` under any other.
    """

    instrument_id: str
    bucket_index: int
    ts_open: int
    ts_close: int
    vpin: float | None
    vpin_cdf: float | None
    level: str | None
    buy_volume: float
    sell_volume: float
    unclassified_volume: float
    bucket_volume: float
    signed_imbalance: float
    mean_signed_imbalance: float | None
    n_trades: int
    trade_intensity: float | None
    realized_volatility: float | None
    kyle_lambda: float | None
    amihud_illiquidity: float | None
    roll_spread: float | None
    classification: str
    bar_seconds: float | None
    sigma_rule: str | None
    sigma: float | None
    n_buckets: int
    n_observations: int
    reasons: dict[str, str] = {}
