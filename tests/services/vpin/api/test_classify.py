"""``POST /v1/classify`` gives the kernels' sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.vpin.kernel.classification import lee_ready, prevailing, tick_rule
from tests.services.vpin.api.routes import errors, face
from tests.shared.face.faces import post


def test_sides_are_the_kernels() -> None:
    """By the tick rule and by Lee and Ready, with quotes before the trades and a lag."""
    generator = np.random.default_rng(3)
    times = np.cumsum(generator.integers(0, 3, 500))
    prices = 100 + np.cumsum(generator.integers(-1, 2, 500)) / 4
    quotes = {
        "ts_event": times.tolist(),
        "bid_price": (prices - 0.25).tolist(),
        "ask_price": (prices + 0.25 * generator.integers(0, 2, 500)).tolist(),
    }
    trades = {"ts_event": times.tolist(), "price": prices.tolist()}
    units = np.rint(prices * 1e9).astype(np.int64)
    bid, ask = (np.rint(np.array(quotes[name]) * 1e9).astype(np.int64) for name in ("bid_price", "ask_price"))
    place = prevailing(times, times, 2)
    expected = lee_ready(units, bid[place], ask[place], place >= 0)

    by_tick = post(face(), "/v1/classify", json={"classification": "tick_rule", "trades": trades}).json()
    by_quote = post(
        face(),
        "/v1/classify",
        json={
            "classification": "lee_ready",
            "trades": trades,
            "quotes": quotes,
            "quote_lag_seconds": 2e-9,
        },
    ).json()
    assert by_tick["sides"] == tick_rule(units).tolist()
    assert by_quote["sides"] == expected.tolist()
    assert (by_quote["method"], by_quote["n_observations"]) == ("lee_ready", 500)
    assert by_quote["parameters"] == {"quote_lag_seconds": 2e-9}


def test_an_absent_side_of_a_quote_decides_nothing() -> None:
    """Price and size 0 stand for a side that is not there; then the tick rule decides, or nobody."""
    request: dict[str, Any] = {
        "trades": [{"ts_event": 2, "price": 1.0, "size": 3}],
        "quotes": [{"ts_event": 1, "bid_price": 2.0, "ask_price": 0, "bid_size": 5, "ask_size": 0}],
    }
    sides = [
        post(face(), "/v1/classify", json=request | {"classification": rule}).json()["sides"]
        for rule in ("quote_rule", "lee_ready")
    ]

    assert sides == [[0], [1]]


@pytest.mark.parametrize("rule", ["quote_rule", "lee_ready", "ellis_michaely_ohara"])
def test_rules_by_quotes_need_quotes(rule: str) -> None:
    """Only the tick rule goes without."""
    (error,) = errors("/v1/classify", {"classification": rule, "trades": [{"ts_event": 1, "price": 1}]})

    assert (error["field"], error["expected"]) == ("quotes", f"quotes, with `{rule}`")
