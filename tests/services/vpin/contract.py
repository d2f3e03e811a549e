"""Settings under which `tests.fleet` puts vpin through the contract of every engine."""

from __future__ import annotations

from typing import Final

_SMALL: Final = ["vpin.bucket_volume=400", "vpin.n_buckets=5", "vpin.cdf_minimum=3", "vpin.cdf_window=20"]

VARIANTS: Final = {
    "reported": [*_SMALL, "vpin.classification=reported"],
    "lee ready": [*_SMALL, "vpin.classification=lee_ready"],
    "lee ready lagged": [*_SMALL, "vpin.classification=lee_ready", "vpin.quote_lag_seconds=2"],
    "lee ready crowded": [
        *_SMALL,
        "vpin.classification=lee_ready",
        "vpin.quote_lag_seconds=5",
        "vpin.pending_quotes=2",
    ],
    "average volume": [
        *_SMALL,
        "vpin.bucket_volume=adv",
        "vpin.buckets_per_session=20",
        "vpin.session_start=22:15",
        "vpin.classification=tick_rule",
    ],
    "session reset": [
        *_SMALL,
        "vpin.session_start=22:15",
        "vpin.session_reset=true",
        "vpin.classification=bulk_normal",
        "vpin.bar_seconds=5",
    ],
    "tick rule": [*_SMALL, "vpin.classification=tick_rule"],
    "bulk normal": [*_SMALL, "vpin.classification=bulk_normal", "vpin.bar_seconds=5"],
    "bulk student t": [
        *_SMALL,
        "vpin.classification=bulk_student_t",
        "vpin.bar_seconds=5",
        "vpin.sigma_rule=rolling",
        "vpin.sigma_window_bars=8",
    ],
}
