"""Trade classification on arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.records import Array
from services.vpin.kernel import classification
from services.vpin.kernel.batch import quote_records, toxicity, trade_records
from services.vpin.kernel.layout import Method
from services.vpin.kernel.settings import Settings

Rule = Callable[[Array, Array, Array, Array], Array]
RULES: list[Rule] = [
    classification.lee_ready,
    classification.ellis_michaely_ohara,
    classification.chakrabarty_li_nguyen_van_ness,
]


def signs(rule: Rule, prices: list[int], bid: int, ask: int, *, quoted: bool = True) -> list[int]:
    """Signs of trades under one quote."""
    n = len(prices)
    found: list[int] = rule(np.array(prices), np.full(n, bid), np.full(n, ask), np.full(n, quoted)).tolist()
    return found


@pytest.mark.parametrize("rule", RULES)
def test_without_a_quote_it_is_the_tick_rule(rule: Rule) -> None:
    """Every rule falls back on price changes, +1 until the first."""
    assert signs(rule, [5, 5, 4, 4, 6], 0, 0, quoted=False) == [1, 1, -1, -1, 1]


@pytest.mark.parametrize("rule", RULES)
def test_at_the_quote_they_agree(rule: Rule) -> None:
    """At the ask is a buy and at the bid a sell, whatever the price did before."""
    assert signs(rule, [20, 10, 20, 10], 10, 20) == [1, -1, 1, -1]


def test_between_the_quotes_they_differ() -> None:
    """A price just above the middle after a fall: a buy by the mid, a sell by the tick."""
    prices = [20, 16]

    assert signs(classification.lee_ready, prices, 10, 20)[1] == 1
    assert signs(classification.ellis_michaely_ohara, prices, 10, 20)[1] == -1
    assert signs(classification.chakrabarty_li_nguyen_van_ness, prices, 10, 20)[1] == -1
    assert signs(classification.chakrabarty_li_nguyen_van_ness, [20, 17], 10, 20)[1] == 1


@pytest.mark.parametrize("rule", RULES[1:])
@pytest.mark.parametrize(("bid", "ask"), [(15, 15), (16, 14)])
def test_a_locked_or_crossed_quote_decides_nothing(rule: Rule, bid: int, ask: int) -> None:
    """Where bid and ask meet, price changes decide."""
    assert signs(rule, [17, 15, 14], bid, ask) == [1, -1, -1]


@pytest.mark.parametrize("rule", RULES[1:])
def test_outside_the_quote_price_changes_decide(rule: Rule) -> None:
    """A price above the ask after a fall is a sell by these rules."""
    assert signs(rule, [30, 25], 10, 20)[1] == -1


def test_the_quote_rule_tells_nothing_at_the_mid() -> None:
    """Integers meet the mid exactly; without a quote there is no sign either."""
    assert signs(classification.quote_rule, [15, 16, 14], 10, 20) == [0, 1, -1]
    assert signs(classification.quote_rule, [15, 16], 10, 20, quoted=False) == [0, 0]


def test_nothing_in_nothing_out() -> None:
    """Empty arrays give empty arrays."""
    empty = np.zeros(0, np.int64)

    assert len(classification.tick_rule(empty)) == 0
    assert len(classification.lee_ready(empty, empty, empty, np.zeros(0, np.bool_))) == 0


@given(st.integers(0, 2**32), st.sampled_from([0, 3, 20]))
def test_the_fold_signs_as_the_arrays_do(seed: int, lag: int) -> None:
    """Lee-Ready in the stream gives the signs of the array rule on prevailing quotes."""
    generator = np.random.default_rng(seed)
    times = np.sort(generator.integers(0, 100, 60))
    prices = 100 + np.cumsum(generator.integers(-1, 2, 60))
    quote_times = np.sort(generator.integers(0, 100, 40))
    bid = 99 + np.cumsum(generator.integers(-1, 2, 40))
    ask = bid + generator.integers(0, 4, 40)
    trades = trade_records(times, prices, np.ones(60, np.int64))

    last = classification.prevailing(times, quote_times, lag)
    signs = classification.lee_ready(prices, bid[last], ask[last], last >= 0)
    settings = Settings(Method.LEE_READY, n_buckets=1, lag=lag)
    buckets = toxicity(trades, 1, settings, quotes=quote_records(quote_times, bid, ask, trades))

    assert buckets["imbalance"].tolist() == signs.tolist()
