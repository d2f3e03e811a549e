"""The engine: what it refuses, what it remembers, and how it answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bus.record_codes import SideOrigin
from bus.records import CLOCK, QUOTE, Array, Records
from services.vpin.config import Config
from services.vpin.engine import Vpin, create
from services.vpin.kernel.batch import trade_records
from services.vpin.spec import SPEC
from shared import state as states
from shared.errors import ConstraintError, SettingsError
from shared.instruments import Instrument
from shared.values import Reason
from tests.services.vpin import flows

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
ES = "ES.XCME"


def trades(sizes: list[int], sides: list[int] | None = None, *, ts: list[int] | None = None) -> Array:
    """Trades a second apart, at prices that go up and down."""
    n = len(sizes)
    times = [SECOND * place for place in range(n)] if ts is None else ts
    prices = [100 * SECOND + place % 2 * SECOND for place in range(n)]
    return trade_records(times, prices, sizes, [1] * n if sides is None else sides)


def engine_of(**settings: Any) -> Vpin:
    """An engine with buckets of ten contracts, two in the window."""
    return flows.fresh(Config(**({"bucket_volume": 10.0, "n_buckets": 2} | settings)), 1)


def said(engine: Vpin, records: Array) -> list[Any]:
    """Payloads for these trades."""
    return [emit.payload for emit in engine.on_records(Records({"trade": records}))]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("size", -1, r"`trade.size\[2\]`: expected 0 or more"),
        ("instrument", 7, r"`trade.instrument\[2\]`: expected a row of the instrument table"),
        ("aggressor_side", 2, r"`trade.aggressor_side\[2\]`: expected -1, 0 or 1"),
        ("price", -(2**63), r"`trade.record\[2\]`: expected time, prices and sizes below 2\^62"),
        ("ts_event", 2**63 - 1, r"`trade.record\[2\]`: expected time"),
        ("size", 2**62, r"`trade.record\[2\]`: expected time"),
        ("size", 10 * 65_537, r"`trade.size\[2\]`: expected a trade that fills at most 65536 buckets"),
    ],
)
def test_a_bad_trade_is_refused_before_anything_changes(field: str, value: int, problem: str) -> None:
    """The message names field, place, expectation and the record; the state keeps every byte."""
    engine = engine_of()
    said(engine, trades([3]))
    before = states.encode(engine.state)
    damaged = trades([5, 5, 5])
    damaged[field][2] = value

    with pytest.raises(ConstraintError, match=problem):
        said(engine, damaged)

    assert states.encode(engine.state) == before


def test_a_bad_first_record_leaves_a_fresh_state() -> None:
    """Nothing is prepared for instruments before their records are known to be good."""
    engine = flows.fresh(Config(bucket_volume=10.0), 2)
    before = states.encode(engine.state)

    with pytest.raises(ConstraintError):
        said(engine, trades([-1]))

    assert states.encode(engine.state) == before


@pytest.mark.parametrize("classification", ["reported", "lee_ready", "bulk_normal"])
@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("quote", "instrument", 9),
        ("quote", "bid_size", -5),
        ("quote", "ask_price", 2**62),
        ("clock", "ts_event", 2**62),
    ],
)
def test_bad_quotes_and_clocks_are_refused(kind: str, field: str, value: int, classification: str) -> None:
    """Also by a method that does not look at them: what is a dead letter does not depend on the settings."""
    records = np.zeros(1, {"quote": QUOTE, "clock": CLOCK}[kind])
    records[field] = value

    with pytest.raises(ConstraintError, match=rf"`{kind}\."):
        engine_of(classification=classification).on_records(Records({kind: records}))


@pytest.mark.parametrize("classification", ["reported", "bulk_normal"])
def test_a_trade_that_a_new_bucket_volume_cannot_take_is_refused_whole(classification: str) -> None:
    """The second day's bucket volume is known only within the slice; refused, nothing of it remains."""
    engine = engine_of(bucket_volume="adv", buckets_per_session=1.0, classification=classification)
    said(engine, trades([1]))
    before = states.encode(engine.state)

    with pytest.raises(ConstraintError, match="at most 65536 buckets"):
        said(engine, trades([1, 1, 200_000], ts=[1, DAY, DAY + 1]))

    assert states.encode(engine.state) == before
    said(engine, trades([1, 1], ts=[1, DAY]))
    with pytest.raises(ConstraintError, match=r"`trade.size\[0\]`.*at most 65536 buckets"):
        said(engine, trades([200_000], ts=[DAY + 1]))


def test_a_long_trade_fills_many_buckets() -> None:
    """More buckets than the output first has room for come in order, each caused by the one trade."""
    engine = engine_of(n_buckets=1, buckets_kept=10)
    emitted: list[Any] = engine.on_records(Records({"trade": trades([10_007])}))

    assert [emit.payload.bucket_index for emit in emitted] == list(range(1000))
    assert {emit.sequence for emit in emitted} == {2}
    assert engine.state.lanes["filled"][0] == 7


def test_a_bucket_volume_of_parts_of_a_contract_stops_the_engine() -> None:
    """Only once the instrument trades; another one, of tenths, is none the worse."""
    engine = flows.fresh(Config(bucket_volume=0.5), 2)
    coin = trades([4])
    coin["instrument"] = 1

    assert said(engine, coin) == []
    with pytest.raises(SettingsError, match=r"`vpin.bucket_volume`.*nearest: 1"):
        said(engine, trades([5]))


def test_an_instrument_that_is_corrected_is_used() -> None:
    """A zone that this machine does not know stops the engine, until a later definition names another."""
    engine = create(Config(bucket_volume=10.0, n_buckets=1))
    engine.instruments.add(0, Instrument(instrument_id=ES, time_zone="Mars/Olympus"))

    with pytest.raises(SettingsError, match="Mars/Olympus"):
        said(engine, trades([10]))
    engine.instruments.add(0, Instrument(instrument_id=ES, time_zone="America/Chicago"))
    assert len(said(engine, trades([10]))) == 1


def test_a_state_of_other_settings_is_refused() -> None:
    """A checkpoint made with another window is not reinterpreted."""
    engine, other = engine_of(), engine_of(n_buckets=3)
    other.state = states.decode(states.encode(engine.state), type(engine.state))

    with pytest.raises(SettingsError, match="start with a reset"):
        said(other, trades([5]))


def test_the_bucket_volume_follows_the_average_session() -> None:
    """No bucket on the first day; then the mean of the complete days, and what was open is discarded."""
    engine = engine_of(bucket_volume="adv", buckets_per_session=4.0, n_buckets=1)
    days = [DAY * day + SECOND * place for day in range(3) for place in range(10)]
    payloads = said(engine, trades([4] * 30, ts=days))

    assert [payload.bucket_volume for payload in payloads] == [10.0] * 8
    assert payloads[0].ts_open == DAY
    assert engine.state.lanes["discarded"][0] == 40
    assert engine.session_counts(ES).tolist() == [(0, 10, 0), (1, 10, 0)]
    bulk = engine_of(classification="bulk_normal")
    said(bulk, trades([4] * 30, ts=days))
    assert len(bulk.session_counts(ES)) == 0


def test_only_reported_sides_count_as_reported() -> None:
    """A trade whose side was inferred or is unknown joins no bucket; its volume is told with the next one."""
    records = trades([6, 5, 9, 4], [1, 1, 0, -1])
    records["side_origin"] = [SideOrigin.REPORTED, SideOrigin.TICK_RULE, SideOrigin.NONE, SideOrigin.REPORTED]
    (payload,) = said(engine_of(), records)

    assert (payload.buy_volume, payload.sell_volume) == (6.0, 4.0)
    assert payload.unclassified_volume == 14.0
    assert payload.n_trades == 2


@pytest.mark.parametrize("classification", ["lee_ready", "tick_rule", "bulk_normal"])
def test_an_auction_is_no_order_flow_under_any_rule(classification: str) -> None:
    """A trade whose venue reports that it had no aggressor moves no price and joins no bucket."""
    records = trades([5, 50, 5, 1], [0, 0, 0, 0], ts=[0, 1, 2, 60 * SECOND])
    records["price"] = [100 * SECOND, SECOND, 100 * SECOND, 100 * SECOND]
    records["side_origin"] = [SideOrigin.NONE, SideOrigin.REPORTED, SideOrigin.NONE, SideOrigin.NONE]
    (payload,) = said(engine_of(classification=classification), records)

    assert payload.signed_imbalance == (0.0 if classification == "bulk_normal" else 10.0)
    assert payload.unclassified_volume == 50.0


def test_a_trade_of_nothing_changes_nothing() -> None:
    """A zero-size trade is no observation of a price or a side."""
    engine = engine_of(classification="tick_rule")
    said(engine, trades([3]))
    before = states.encode(engine.state)
    said(engine, trades([0, 0]))

    assert states.encode(engine.state) == before


def test_a_bar_closes_at_a_clock() -> None:
    """Without another trade, the second that ends the bar brings its buckets, caused by the clock record."""
    engine = engine_of(classification="bulk_normal", n_buckets=1)
    clock = np.zeros(1, CLOCK)
    clock["sequence"], clock["ts_event"], clock["ts_init"] = 99, 60 * SECOND, 60 * SECOND

    assert said(engine, trades([6, 6])) == []
    emitted: list[Any] = engine.on_records(Records({"clock": clock}))
    assert [emit.sequence for emit in emitted] == [99]
    assert (emitted[0].payload.ts_open, emitted[0].payload.ts_close) == (0, 60 * SECOND)
    assert (emitted[0].payload.bar_seconds, emitted[0].payload.sigma_rule) == (60.0, "expanding")


def test_levels_follow_the_running_distribution() -> None:
    """The first figures have no level; then the rank decides, and the largest is an alarm."""
    engine = engine_of(n_buckets=1, cdf_minimum=4, cdf_window=10)
    payloads = said(engine, trades([5, 5, 6, 4, 7, 3, 5, 5, 9, 1], [1, -1] * 5))

    assert [payload.level for payload in payloads] == [None, None, None, "normal", "alarm"]
    assert payloads[0].reasons["level"] == Reason.WARMING_UP
    assert payloads[3].vpin_cdf == 0.5
    assert engine.measure()["knotmeter_vpin_alarmed_instruments"] == 1.0


def test_toxicity_is_answered_with_its_provenance_or_a_reason() -> None:
    """No trade, no side, a window not full, and then a value with time, count and parameters."""
    engine = engine_of()

    assert engine.toxicity(ES).reason == Reason.NO_TRADE
    said(engine, trades([5], [0]))
    assert engine.toxicity(ES).reason == Reason.NO_REPORTED_SIDE
    said(engine, trades([10, 3]))
    assert engine.toxicity(ES).reason == Reason.WARMING_UP
    said(engine, trades([12], ts=[9 * SECOND]))
    value = engine.toxicity(ES)
    assert (value.value, value.ts_event, value.n_observations) == (1.0, 9 * SECOND, 2)
    assert value.parameters["bucket_volume"] == 10.0
    with pytest.raises(ConstraintError, match="an instrument that was defined"):
        engine.toxicity("NQ.XCME")


def test_without_a_complete_session_there_is_not_enough_history() -> None:
    """The adaptive bucket volume says why there is no bucket."""
    engine = engine_of(bucket_volume="adv")
    said(engine, trades([5, 5]))

    assert engine.toxicity(ES).reason == Reason.NOT_ENOUGH_HISTORY
    assert engine.summary()[0]["bucket_volume"] is None


def test_the_last_buckets_are_kept() -> None:
    """As many as asked for and kept, oldest first, with null where the window was not full."""
    engine = engine_of(buckets_kept=3)
    said(engine, trades([10] * 2))
    assert engine.buckets(ES, 5).values == (None, 1.0)
    said(engine, trades([10] * 4))

    assert engine.buckets(ES, 5).n_observations == 3
    assert engine.buckets(ES, 2).values == (1.0, 1.0)
    with pytest.raises(ConstraintError, match="`limit`: expected 1 or more, got 0"):
        engine.buckets(ES, 0)


def test_instruments_join_at_any_time() -> None:
    """The state grows by powers of two with the instrument table, and keeps what it held."""
    engine = engine_of(n_buckets=1)
    said(engine, trades([7]))
    for row in range(1, 5):
        engine.instruments.add(row, Instrument(instrument_id=f"X{row}.TEST"))
    late = trades([10])
    late["instrument"] = 4

    assert [payload.instrument_id for payload in said(engine, late)] == ["X4.TEST"]
    assert len(engine.state.lanes) == 8
    assert [payload.instrument_id for payload in said(engine, trades([3]))] == [ES]
    assert [row["buckets"] for row in engine.summary()] == [1, 0, 0, 0, 1]


def test_metrics_are_the_declared_ones() -> None:
    """What is measured is what the spec declares."""
    assert set(create(Config()).measure()) == {metric.name for metric in SPEC.metrics}


def buy_volumes(engine: Vpin, flow: Records) -> list[float]:
    """Buy volume of each bucket that this flow completes."""
    payloads: list[Any] = [emit.payload for emit in engine.on_records(flow)]
    return [payload.buy_volume for payload in payloads]


@pytest.mark.parametrize(("sizes", "expected"), [(0, 10.0), (5, 10.0)])
def test_a_quote_without_sizes_is_a_quote(sizes: int, expected: float) -> None:
    """Currency feeds quote prices without sizes; only a side with neither price nor size is absent."""
    engine = engine_of(classification="lee_ready")
    quote = np.zeros(1, QUOTE)
    quote["sequence"], quote["bid_price"], quote["ask_price"] = 1, 98 * SECOND, 100 * SECOND
    quote["bid_size"] = quote["ask_size"] = sizes
    first, second = trades([4], ts=[SECOND]), trades([6], ts=[2 * SECOND])
    first["sequence"], second["sequence"] = 2, 3
    second["price"] -= SECOND // 2  # a falling price, above the mid all the same
    flow = Records({"quote": quote, "trade": np.concatenate([first, second])})

    assert buy_volumes(engine, flow) == [expected]


def test_a_one_sided_quote_decides_nothing() -> None:
    """Without an ask there is no mid, and the tick rule decides."""
    engine = engine_of(classification="lee_ready")
    quote = np.zeros(1, QUOTE)
    quote["sequence"], quote["bid_price"], quote["bid_size"] = 1, 98 * SECOND, 5
    first, second = trades([4], ts=[SECOND]), trades([6], ts=[2 * SECOND])
    first["sequence"], second["sequence"] = 2, 3
    second["price"] -= SECOND
    flow = Records({"quote": quote, "trade": np.concatenate([first, second])})

    assert buy_volumes(engine, flow) == [4.0]
