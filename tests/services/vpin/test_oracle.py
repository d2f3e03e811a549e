"""The engine against the definitions, for random flows, settings and cuts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages.toxicity import Toxicity
from services.vpin.config import Config
from shared.instruments import SCALE
from tests.services.vpin import flows
from tests.services.vpin.oracle import Bucket, Oracle, Rules

DAY = 86_400_000_000_000
START_OF_SESSION = 17 * 3_600_000_000_000
METHODS = ("reported", "lee_ready", "tick_rule", "bulk_normal", "bulk_student_t")
FIGURES = (
    "mean_signed_imbalance",
    "trade_intensity",
    "realized_volatility",
    "amihud_illiquidity",
    "kyle_lambda",
    "roll_spread",
)


def session(ts_event: int) -> tuple[int, int]:
    """Sessions that begin at 17:00 UTC."""
    day = (ts_event - START_OF_SESSION) // DAY
    return day, (day + 1) * DAY + START_OF_SESSION


@st.composite
def configs(draw: st.DrawFn, method: Any) -> Config:
    """Settings small enough for a short flow to fill windows."""
    minimum = draw(st.integers(1, 4))
    rule: Any = draw(st.sampled_from(["expanding", "ewma", "rolling", "fixed"]))
    return Config(
        classification=method,
        bucket_volume=draw(st.one_of(st.just("adv"), st.integers(1, 60).map(float))),
        adv_sessions=draw(st.integers(1, 3)),
        buckets_per_session=draw(st.sampled_from([1.0, 3.0, 7.5, 20.0])),
        n_buckets=draw(st.integers(1, 5)),
        quote_lag_seconds=draw(st.sampled_from([0.0, 0.001, 10.0])),
        pending_quotes=draw(st.sampled_from([1, 2, 50])),
        bar_seconds=draw(st.sampled_from([0.0005, 5.0, 60.0, 7_200.0])),
        sigma_rule=rule,
        sigma=draw(st.sampled_from([0.1, 0.25, 2.0])) if rule == "fixed" else None,
        sigma_half_life_bars=draw(st.sampled_from([0.5, 3.0])),
        sigma_window_bars=draw(st.integers(2, 5)),
        degrees_of_freedom=draw(st.sampled_from([0.1, 0.25, 3.0, 100.0])),
        session_start="17:00",
        session_reset=draw(st.booleans()),
        cdf_window=minimum + draw(st.integers(0, 6)),
        cdf_minimum=minimum,
        buckets_kept=draw(st.integers(1, 9)),
    )


def rules_of(config: Config, row: int) -> Rules:
    """The same settings for the oracle."""
    instrument = flows.INSTRUMENTS[row]
    unit = Fraction(instrument.size_increment, SCALE)
    adaptive = config.bucket_volume == "adv"
    return Rules(
        method=config.classification,
        bucket_volume=0 if adaptive else int(Fraction(str(config.bucket_volume)) / unit),
        adaptive=adaptive,
        adv_sessions=config.adv_sessions,
        buckets_per_session=Fraction(str(config.buckets_per_session)),
        session_reset=config.session_reset,
        n_buckets=config.n_buckets,
        lag=round(config.quote_lag_seconds * 1e9),
        most_pending=config.pending_quotes,
        bar=round(config.bar_seconds * 1e9),
        sigma_rule=config.sigma_rule,
        sigma=config.sigma or 0.0,
        half_life=config.sigma_half_life_bars,
        sigma_window=config.sigma_window_bars,
        degrees_of_freedom=config.degrees_of_freedom,
        cdf_window=config.cdf_window,
        cdf_minimum=config.cdf_minimum,
        unit=unit,
        multiplier=Fraction(instrument.multiplier, SCALE),
    )


def close(expected: float | None, actual: float | None, tolerance: float) -> bool:
    """Whether two figures are both missing, or agree relatively, and near 0 absolutely."""
    if expected is None or actual is None:
        return expected is actual
    return math.isclose(expected, actual, rel_tol=tolerance, abs_tol=tolerance)


def differences(expected: Bucket, actual: Toxicity, rules: Rules) -> dict[str, Any]:
    """Fields in which a message is not what the oracle says."""
    unit = float(rules.unit)
    exact = {
        "bucket_index": expected.index,
        "ts_open": expected.ts_open,
        "ts_close": expected.ts_close,
        "n_trades": expected.n_trades,
        "n_observations": expected.n_observations,
    }
    near: dict[str, float | None] = {
        "signed_imbalance": float(expected.imbalance * rules.unit),
        "buy_volume": float((expected.volume + expected.imbalance) / 2 * rules.unit),
        "sell_volume": float((expected.volume - expected.imbalance) / 2 * rules.unit),
        "bucket_volume": expected.volume * unit,
        "unclassified_volume": expected.unclassified * unit,
        "vpin": expected.figures.get("vpin"),
        "sigma": expected.sigma if rules.method.startswith("bulk") else None,
        **{name: expected.figures.get(name) for name in FIGURES},
    }
    wrong: dict[str, Any] = {}
    for name, value in exact.items():
        if value != getattr(actual, name):
            wrong[name] = value, getattr(actual, name)
    conditioned = 1e-12 * (1 + 1 / max(expected.volume_spread, 1e-12))
    for name, figure in near.items():
        tolerance = conditioned if name == "kyle_lambda" else 1e-12
        if not close(figure, getattr(actual, name), tolerance):
            wrong[name] = figure, getattr(actual, name)
    low, high = expected.vpins_below or (None, None)
    if low is None or high is None:
        wrong |= {"vpin_cdf": actual.vpin_cdf} if actual.vpin_cdf is not None else {}
    elif actual.vpin_cdf is None or not low <= actual.vpin_cdf <= high:
        wrong |= {"vpin_cdf": (low, high, actual.vpin_cdf)}
    return wrong


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_engine_gives_what_the_definitions_give(method: Any, data: st.DataObject) -> None:
    """Every figure of every bucket of every instrument agrees with the oracle, wherever the flow is cut."""
    config = data.draw(configs(method))
    flow = data.draw(flows.events())
    cuts = data.draw(st.lists(st.integers(1, len(flow) + 1), max_size=4))
    engine = flows.fresh(config)
    emitted = flows.emitted(engine, flows.cut(flows.records(flow), cuts))
    payloads: list[Any] = [emit.payload for emit in emitted]

    assert emitted == sorted(emitted, key=lambda emit: emit.sequence)
    for row, instrument in enumerate(flows.INSTRUMENTS):
        rules = rules_of(config, row)
        oracle = Oracle(rules, session)
        expected = oracle.run(flows.of_row(flow, row))
        actual = [payload for payload in payloads if payload.instrument_id == instrument.instrument_id]
        assert len(actual) == len(expected)
        for bucket, payload in zip(expected, actual, strict=True):
            assert differences(bucket, payload, rules) == {}
        if row < len(engine.state.lanes):
            lane = engine.state.lanes[row]
            assert oracle.discarded == lane["discarded"]
            assert method != "lee_ready" or oracle.n_promoted == lane["n_promoted"]
            assert not oracle.sessions or oracle.volume == lane["volume"]
