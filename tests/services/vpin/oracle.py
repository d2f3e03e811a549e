"""Toxicity by its definitions, one unit of volume at a time: slow, plain, sharing nothing with the kernels.

Signed trades are exact fractions; only where the definition has a logarithm, a root or a distribution
function are there floats, from ``math``, ``numpy`` and ``scipy``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import stats

from tests.services.vpin.events import Quote, Trade, is_two_sided

Number = Fraction | float
Session = Callable[[int], tuple[int, int]]
"""Session at a time, and when the next one begins."""

NANO = Fraction(1, 10**9)


@dataclass(frozen=True)
class Rules:
    """How toxicity is measured; times in ns, volumes in size units."""

    method: str = "reported"
    bucket_volume: int = 10
    adaptive: bool = False
    adv_sessions: int = 20
    buckets_per_session: Fraction = Fraction(50)
    session_reset: bool = False
    n_buckets: int = 2
    lag: int = 0
    most_pending: int = 4096
    bar: int = 60 * 10**9
    sigma_rule: str = "expanding"
    sigma: float = 0.0
    half_life: float = 60.0
    sigma_window: int = 60
    degrees_of_freedom: float = 0.25
    cdf_window: int = 1000
    cdf_minimum: int = 100
    unit: Fraction = Fraction(1)
    """Natural size of a size unit."""
    multiplier: Fraction = Fraction(1)


@dataclass
class Bucket:
    """A completed bucket and the figures of its window; None where one has no value."""

    index: int
    sequence: int
    ts_open: int
    ts_close: int
    price: int
    price_before: int
    pieces: list[tuple[int, Number, Number]]
    """Volume, buy less sell share, and price of what it is made of."""
    volume: int
    unclassified: int
    n_trades: int
    pairs: list[tuple[Fraction, Fraction]]
    sigma: float | None
    figures: dict[str, float | None] = field(default_factory=dict)
    n_observations: int = 0
    volume_spread: float = 0.0
    """Relative spread of the imbalances of the window."""
    vpins_below: tuple[float, float] | None = None
    """Bounds of the rank when values that differ by rounding alone count as equal or not."""

    @property
    def imbalance(self) -> Number:
        """Buy less sell volume, size units."""
        if all(isinstance(tilt, Fraction) for _, tilt, _ in self.pieces):
            return sum((volume * tilt for volume, tilt, _ in self.pieces), Fraction(0))
        return math.fsum(volume * float(tilt) for volume, tilt, _ in self.pieces)


class Oracle:
    """One instrument's toxicity."""

    def __init__(self, rules: Rules, session: Session = lambda _: (0, 2**63)) -> None:
        self.rules = rules
        self.session = session
        self.buckets: list[Bucket] = []
        self.vpins: list[float] = []
        self.discarded = 0
        self.n_promoted = 0
        self.volume = 0 if rules.adaptive else rules.bucket_volume
        self.units: list[tuple[Number, Number]] = []
        self.left_out = 0
        self.n_trades = 0
        self.pairs: list[tuple[Fraction, Fraction]] = []
        self.prices: list[int] = []
        self.window_from = 0
        self.opened: tuple[int, int] | None = None
        self.until: int | None = None
        self.sessions: list[dict[str, int]] = []
        self.bar: list[Trade] = []
        self.bar_open = self.bar_until = -(2**63)
        self.closes: list[int] = []
        self.changes: list[float] = []
        self.sigma = rules.sigma if rules.sigma_rule == "fixed" else None
        self.now = -(2**63)
        self.waiting: list[tuple[int, Quote]] = []
        self.quote: Quote | None = None

    def run(self, events: list[Any]) -> list[Bucket]:
        """Take all events in order of sequence."""
        for event in sorted(events, key=lambda event: int(event.sequence)):
            if isinstance(event, Trade):
                self._on_trade(event)
            elif isinstance(event, Quote):
                self._on_quote(event)
            elif self._bulk and self.bar and self.bar_until <= event.ts:
                self._close_bar(self.bar_until, event.sequence)
        return self.buckets

    @property
    def _bulk(self) -> bool:
        return self.rules.method.startswith("bulk")

    def _on_quote(self, quote: Quote) -> None:
        self._advance(quote.ts)
        if self.waiting and self.waiting[-1][0] == self.now:
            self.waiting.pop()
        elif len(self.waiting) == max(self.rules.most_pending if self.rules.lag else 1, 1):
            self.quote = self.waiting.pop(0)[1]
            self.n_promoted += 1
        self.waiting.append((self.now, quote))

    def _advance(self, ts: int) -> None:
        self.now = max(self.now, ts)
        old = [quote for time, quote in self.waiting if time < self.now - self.rules.lag]
        if old:
            self.quote = old[-1]
            self.waiting = self.waiting[len(old) :]

    def _on_trade(self, trade: Trade) -> None:
        if trade.size == 0:
            return
        unknown = self.rules.method == "reported" and not (trade.reported and trade.side)
        if unknown or (trade.reported and trade.side == 0):
            self.left_out += trade.size
            return
        begins = self.until is None or trade.ts >= self.until
        if self._bulk and self.bar and (begins or trade.ts >= self.bar_until):
            self._close_bar(min(self.bar_until, trade.ts), trade.sequence)
        if begins:
            self._begin_session(trade)
        before = self.prices[-1] if self.prices else trade.price
        self._observe(trade)
        if self._bulk:
            self._add_to_bar(trade)
        else:
            self._advance(trade.ts)
            side = self._side_of(trade)
            self.sessions[-1]["buys" if side > 0 else "sells"] += 1
            self._pour(
                trade.size,
                Fraction(side),
                Fraction(trade.price),
                before,
                trade.price,
                (trade.ts, trade.ts),
                trade.sequence,
            )

    def _observe(self, trade: Trade) -> None:
        self.prices.append(trade.price)
        self.n_trades += 1
        self.sessions[-1]["volume"] += trade.size
        if len(self.prices) > 2:
            first, middle, last = self.prices[-3:]
            self.pairs.append(((middle - first) * NANO, (last - middle) * NANO))

    def _side_of(self, trade: Trade) -> int:
        if self.rules.method == "reported":
            return trade.side
        quote = self.quote
        if self.rules.method == "lee_ready" and quote and is_two_sided(quote):
            above = Fraction(trade.price) - Fraction(quote.bid + quote.ask, 2)
            if above:
                return 1 if above > 0 else -1
        changes = [b - a for a, b in zip(self.prices, self.prices[1:], strict=False) if b != a]
        return -1 if changes and changes[-1] < 0 else 1

    def _begin_session(self, trade: Trade) -> None:
        rules = self.rules
        if self.sessions and (rules.adaptive or rules.session_reset):
            self.discarded += len(self.units)
            self.units, self.n_trades, self.pairs = [], 0, []
        if self.sessions and rules.adaptive:
            past = [session["volume"] for session in self.sessions[-rules.adv_sessions :]]
            self.volume = max(
                1, math.floor(Fraction(sum(past), len(past)) / rules.buckets_per_session + Fraction(1, 2))
            )
        if self.sessions and rules.session_reset:
            self.window_from, self.prices, self.closes = len(self.buckets), [], []
        day, self.until = self.session(trade.ts)
        self.sessions.append({"day": day, "volume": 0, "buys": 0, "sells": 0})

    def _add_to_bar(self, trade: Trade) -> None:
        if not self.bar:
            start = max(trade.ts, self.bar_until) // self.rules.bar * self.rules.bar
            self.bar_open = max(start, self.bar_until)
            self.bar_until = start + self.rules.bar
        self.bar.append(trade)

    def _close_bar(self, ts_close: int, sequence: int) -> None:
        price = self.bar[-1].price
        change = float((price - self.closes[-1]) * NANO) if self.closes else None
        before = self.closes[-1] if self.closes else price
        if change is not None:
            self.changes.append(change)
            self.sigma = self._estimate()
        self.closes.append(price)
        volume = sum(trade.size for trade in self.bar)
        average = sum(Fraction(trade.price) * trade.size for trade in self.bar) / volume
        self.bar, self.bar_until = [], ts_close
        if not change:
            tilt: float | None = 0.0
        elif not self.sigma:
            tilt = None
        else:
            tilt = self._tilt(change / self.sigma)
        if tilt is None:
            self.left_out += volume
        else:
            self._pour(volume, tilt, average, before, price, (self.bar_open, ts_close), sequence)

    def _estimate(self) -> float | None:
        rules, changes = self.rules, self.changes
        if rules.sigma_rule == "fixed":
            return rules.sigma
        if rules.sigma_rule == "rolling":
            changes = changes[-rules.sigma_window :]
            return float(np.std(changes, ddof=1)) if len(changes) == rules.sigma_window else None
        if len(changes) < 2:
            return None
        if rules.sigma_rule == "expanding":
            return 0.0 if len(set(changes)) == 1 else float(np.std(changes, ddof=1))
        weights = [0.5 ** (age / rules.half_life) for age in reversed(range(len(changes)))]
        return math.sqrt(
            math.fsum(w * c * c for w, c in zip(weights, changes, strict=True)) / math.fsum(weights)
        )

    def _tilt(self, z: float) -> float:
        if self.rules.method == "bulk_normal":
            return float(1 - 2 * stats.norm.sf(z))
        return float(1 - 2 * stats.t.sf(z, self.rules.degrees_of_freedom))

    def _pour(
        self,
        volume: int,
        tilt: Number,
        price: Number,
        before: int,
        last: int,
        times: tuple[int, int],
        sequence: int,
    ) -> None:
        for _ in range(volume):
            if not self.units:
                ended = self.buckets[-1].ts_close if self.buckets else -(2**63)
                self.opened = max(times[0], ended), before
            self.units.append((tilt, price))
            if self.volume and len(self.units) == self.volume:
                self._complete(last, times[1], sequence)
                before = last

    def _complete(self, price: int, ts_close: int, sequence: int) -> None:
        assert self.opened is not None
        ts_open, before = self.opened
        runs: list[tuple[int, Number, Number]] = []
        for tilt, unit_price in self.units:
            if runs and runs[-1][1:] == (tilt, unit_price):
                runs[-1] = (runs[-1][0] + 1, tilt, unit_price)
            else:
                runs.append((1, tilt, unit_price))
        bucket = Bucket(
            index=len(self.buckets),
            sequence=sequence,
            ts_open=ts_open,
            ts_close=max(ts_close, ts_open),
            price=price,
            price_before=before,
            pieces=runs,
            volume=self.volume,
            unclassified=self.left_out,
            n_trades=self.n_trades,
            pairs=self.pairs,
            sigma=self.sigma,
        )
        self.units, self.left_out, self.n_trades, self.pairs = [], 0, 0, []
        self.buckets.append(bucket)
        self._measure(bucket)

    def _measure(self, bucket: Bucket) -> None:
        rules = self.rules
        window = self.buckets[self.window_from :][-rules.n_buckets :]
        bucket.n_observations = len(window)
        if len(window) < rules.n_buckets:
            return
        absolute = [abs(Fraction(bucket.imbalance)) for bucket in window]
        vpin = float(sum(absolute) / sum(bucket.volume for bucket in window))
        self.vpins = [*self.vpins, vpin][-rules.cdf_window :]
        figures = bucket.figures = figures_of(window, rules)
        figures["vpin"] = vpin
        bucket.volume_spread = spread_of([b.imbalance for b in window])
        n_seen = len([b for b in self.buckets if "vpin" in b.figures])
        if n_seen >= rules.cdf_minimum:
            kept = np.array(self.vpins)
            below = [float(np.mean(kept <= vpin + shift)) for shift in (-1e-12, 0.0, 1e-12)]
            figures["vpin_cdf"] = below[1]
            bucket.vpins_below = below[0], below[2]


def figures_of(window: list[Bucket], rules: Rules) -> dict[str, float | None]:
    """Figures of liquidity and volatility of a window."""
    imbalances = [b.imbalance * rules.unit for b in window]
    changes = [(b.price - b.price_before) * NANO for b in window]
    positive = all(b.price > 0 and b.price_before > 0 for b in window)
    notionals = [sum(v * p for v, _, p in b.pieces) * NANO * rules.unit * rules.multiplier for b in window]
    returns = [abs(Fraction(b.price, b.price_before) - 1) for b in window] if positive else []
    logs = [math.log(b.price / b.price_before) for b in window] if positive else []
    elapsed = window[-1].ts_close - window[0].ts_open
    return {
        "mean_signed_imbalance": float(sum(imbalances) / len(window)),
        "trade_intensity": float(sum(b.n_trades for b in window) / (elapsed * NANO)) if elapsed > 0 else None,
        "realized_volatility": math.sqrt(math.fsum(r * r for r in logs)) if positive else None,
        "amihud_illiquidity": float(sum(r / n for r, n in zip(returns, notionals, strict=True)) / len(window))
        if positive
        else None,
        "kyle_lambda": slope(imbalances, changes),
        "roll_spread": roll([pair for b in window for pair in b.pairs]),
    }


def slope(volumes: list[Any], changes: list[Fraction]) -> float | None:
    """OLS slope with intercept."""
    exact = [Fraction(volume) for volume in volumes]
    mean = sum(exact) / len(exact)
    mean_change = sum(changes) / len(changes)
    squares = sum((q - mean) ** 2 for q in exact)
    product = sum((q - mean) * (dp - mean_change) for q, dp in zip(exact, changes, strict=True))
    return float(product / squares) if spread_of(volumes) > 1e-12 else None


def spread_of(volumes: list[Any]) -> float:
    """Standard deviation of the volumes over the largest: rounding is amplified by its inverse."""
    exact = np.array([float(volume) for volume in volumes])
    largest = np.abs(exact).max()
    return float(np.std(exact - exact[0]) / largest) if largest else 0.0


def roll(pairs: list[tuple[Fraction, Fraction]]) -> float | None:
    """Roll's spread by the population covariance."""
    if not pairs:
        return None
    n = len(pairs)
    means = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    covariance = sum((a - means[0]) * (b - means[1]) for a, b in pairs) / n
    return 2 * math.sqrt(-covariance) if covariance < 0 else None
