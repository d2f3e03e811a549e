"""Where each stylised fact lay in real data, and the band that follows: data, with source and rule.

Measured on regular hours of IBM (8 October 2013, Lean), BAC (8 October 2013, Lean), the E-mini S&P 500
future (1 to 3 September 2013, 500,000 trades) and ESH4 (25 December 2023, one hour, Databento MBO). A fact
that several files show has the band from the lowest to the highest of them, nothing added; `facts` gives
the very numbers on the two equity files. Sizes are held against the equities alone, because contracts are
no shares. A fact that one file alone shows has a margin
that is said with it.

The table was looked at while the calibration was made, so lying inside is a description and not a test of it.
A band is held against the median of the instruments; single instruments lie outside more often.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_FILES: Final = ("IBM", "BAC", "ES 2013", "ESH4")
_U_SHAPE: Final = "IBM, single days of 7 to 10 October 2013"


class Band(Struct, frozen=True, kw_only=True):
    """One fact and where it should lie."""

    fact: str
    told: str
    low: float
    high: float
    source: str
    tuned: bool = True
    """Whether the calibration was chosen with a view to it; others are told as they come out."""

    def holds(self, value: float) -> bool:
        """Whether a value lies inside; NaN does not."""
        return self.low <= value <= self.high


def _measured(fact: str, told: str, *values: float, tuned: bool = True) -> Band:
    """Band from the lowest to the highest of the files' values."""
    shown = ", ".join(f"{name} {value:g}" for name, value in zip(_FILES, values, strict=False))
    return Band(fact=fact, told=told, low=min(values), high=max(values), source=shown, tuned=tuned)


def _single(fact: str, told: str, value: float, margin: float) -> Band:
    """Band around the one value there is."""
    source = f"ESH4 {value:g}, margin {margin:g}"
    return Band(fact=fact, told=told, low=value - margin, high=value + margin, source=source)


BANDS: Final = (
    _measured("zero_changes", "share of trades at the price of the trade before", 0.586, 0.880, 0.951, 0.777),
    _measured("bounce", "autocorrelation of price changes, lag 1", -0.340, -0.403, -0.313, -0.249),
    _measured("kurtosis_1s", "kurtosis of 1 s returns", 36.6, 6.5, 17.0, 16.0),
    _measured("kurtosis_60s", "kurtosis of 60 s returns", 3.7, 4.0, 6.4, 5.3),
    _measured(
        "gaussianity", "kurtosis of 1 s returns over that of 60 s returns", 9.9, 1.6, 2.7, 3.0, tuned=False
    ),
    _measured("volatility_acf_1", "autocorrelation of absolute 1 s returns, lag 1", 0.10, 0.13, 0.17, 0.08),
    _measured("volatility_acf_10", "the same, lag 10", 0.08, 0.02, 0.11, 0.05),
    _measured("volatility_acf_60", "the same, lag 60", 0.04, 0.03, 0.11, 0.05),
    _measured("volatility_acf_300", "the same, lag 300", 0.04, 0.01, 0.10, 0.02),
    _measured("fano", "variance over mean of trades by the second", 12.8, 69.0, 94.0, 7.3),
    _measured("count_acf_1", "autocorrelation of trades by the second, lag 1", 0.11, 0.14, 0.23, 0.14),
    _measured("count_acf_60", "the same, lag 60", 0.02, 0.01, 0.15, 0.07),
    _measured("size_mean", "mean size", 156.0, 706.0),
    _measured("size_median", "median size", 100.0, 200.0),
    _measured("size_p99", "99th percentile of sizes", 852.0, 7_200.0),
    # two standard errors of 2,972 signs are .04; their dependence adds to that; .06 was
    # settled when simulated values were known
    _single("sign_acf_1", "autocorrelation of aggressor sides, lag 1", 0.42, 0.06),
    _single("sign_acf_2", "the same, lag 2", 0.27, 0.06),
    _single("sign_acf_5", "the same, lag 5", 0.12, 0.06),
    _single("sign_acf_10", "the same, lag 10", 0.08, 0.06),
    _single("sign_acf_20", "the same, lag 20", 0.03, 0.06),
    _single("sign_acf_50", "the same, lag 50", -0.01, 0.06),
    # one quiet hour of one future: the margin is a judgement, made when simulated values were known
    _single("spread_1", "share of quotes one tick wide", 0.919, 0.05),
    _single("spread_2", "share of quotes two ticks wide", 0.076, 0.05),
    _single("spread_3", "share of quotes three ticks wide", 0.004, 0.02),
    # two standard errors of 360 intervals of 10 s are .08
    _single("ofi_r2", "R2 of 10 s mid changes on order-flow imbalance", 0.47, 0.08),
    _single("trade_imbalance_r2", "the same on signed volume", 0.33, 0.08),
)
"""Facts of one instrument in one session, as `facts.measure` names them."""

DAY_BANDS: Final = (
    Band(
        fact="u_open", told="volume of the first half hour over noon's", low=2.89, high=5.28, source=_U_SHAPE
    ),
    Band(
        fact="u_close", told="volume of the last half hour over noon's", low=2.42, high=4.39, source=_U_SHAPE
    ),
)
"""Facts of the whole market's volume; noon is the mean of the seventh to the ninth half hour.

A report of one session has one value of each, which scatters as much as the days of the band do.
"""
