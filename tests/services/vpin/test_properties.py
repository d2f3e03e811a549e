"""What holds for every flow: conservation, bounds, symmetry, and that no cut leaves a trace."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.records import Records
from services.vpin.config import Config
from services.vpin.kernel.batch import toxicity, trade_records
from services.vpin.kernel.layout import Method
from services.vpin.kernel.settings import Settings
from shared import state as states
from tests.services.vpin import flows
from tests.services.vpin.events import Trade
from tests.services.vpin.test_oracle import METHODS, configs

each_method = pytest.mark.parametrize("method", METHODS)


@each_method
@settings(max_examples=25)
@given(data=st.data())
def test_streaming_equals_batch_at_every_prefix(method: Any, data: st.DataObject) -> None:
    """Record by record the engine says, and remembers, to the bit what it does of each prefix at once."""
    config = data.draw(configs(method))
    flow = data.draw(flows.events())
    whole = flows.records(flow)
    one_by_one, said = flows.fresh(config), []
    for place in range(1, len(flow) + 1):
        said += one_by_one.on_records(flows.records(flow[place - 1 : place]))
        if place % 20 == 0 or place == len(flow):
            at_once = flows.fresh(config)
            assert flows.emitted(at_once, [whole.split_at_sequence(place + 1)[0]]) == said
            assert states.encode(at_once.state) == states.encode(one_by_one.state)


@each_method
@settings(max_examples=15)
@given(data=st.data())
def test_the_kernel_on_arrays_gives_the_bits_of_the_bus(method: Any, data: st.DataObject) -> None:
    """What a request computes on its arrays is what the engine keeps from the bus."""
    drawn = data.draw(configs(method))
    config = msgspec.structs.replace(drawn, bucket_volume=7.0, buckets_kept=100_000)
    flow = data.draw(flows.events(n_instruments=1))
    records = flows.records([(row, event) for row, event in flow if isinstance(event, Trade)])
    engine = flows.fresh(config, 1)
    flows.emitted(engine, [records])

    buckets = toxicity(records.trade, 7, config.kernel_settings(), multiplier=50.0, calendar=engine._session)

    assert buckets.tobytes() == engine._kept(0, len(buckets) + 1).tobytes()


@each_method
@settings(max_examples=25)
@given(data=st.data())
def test_volume_is_conserved(method: Any, data: st.DataObject) -> None:
    """Volume in is volume in buckets, left out, open or discarded; each bucket holds its volume exactly."""
    config = data.draw(configs(method))
    flow = data.draw(flows.events())
    engine = flows.fresh(config)
    payloads: list[Any] = [emit.payload for emit in flows.emitted(engine, [flows.records(flow)])]

    for row, instrument in enumerate(flows.INSTRUMENTS[: len(engine.state.lanes)]):
        lane = engine.state.lanes[row]
        scale = 1_000_000_000 // instrument.size_increment
        own = [payload for payload in payloads if payload.instrument_id == instrument.instrument_id]
        told = sum(round((p.bucket_volume + p.unclassified_volume) * scale) for p in own)
        waiting = lane["filled"] + lane["bar_volume"] + lane["unclassified"] + lane["discarded"]
        traded = sum(event.size for place, event in flow if place == row and isinstance(event, Trade))
        assert told + waiting == traded
        for payload in own:
            check_bounds(payload)


def check_bounds(payload: Any) -> None:
    """Parts add up, ratios are ratios, and exactly what is missing has a reason."""
    assert payload.buy_volume + payload.sell_volume == pytest.approx(payload.bucket_volume, rel=1e-12)
    assert min(payload.buy_volume, payload.sell_volume) >= 0
    assert payload.vpin is None or 0 <= payload.vpin <= 1
    assert payload.vpin_cdf is None or 0 < payload.vpin_cdf <= 1
    assert payload.ts_open <= payload.ts_close
    missing = {name for name in payload.__struct_fields__ if getattr(payload, name) is None}
    assert missing - {"bar_seconds", "sigma_rule", "sigma"} == set(payload.reasons)


@settings(max_examples=30)
@given(st.integers(1, 50), st.integers(1, 8), st.integers(0, 2**32))
def test_one_sided_buckets_give_exactly_one(volume: int, n_buckets: int, seed: int) -> None:
    """Buckets that only buyers or only sellers filled have a VPIN of 1, not nearly 1."""
    generator = np.random.default_rng(seed)
    sizes: list[int] = []
    sides: list[int] = []
    for bucket in range(3 * n_buckets):
        cuts = np.sort(generator.integers(0, volume + 1, 3))
        sizes += np.diff([0, *cuts, volume]).tolist()
        sides += [1 if bucket % 2 else -1] * 4
    trades = trade_records(np.arange(len(sizes)), np.full(len(sizes), 100), sizes, sides)

    vpin = toxicity(trades, volume, Settings(Method.REPORTED, n_buckets=n_buckets))["vpin"]

    assert vpin[n_buckets - 1 :].tolist() == [1.0] * (2 * n_buckets + 1)


@settings(max_examples=30)
@given(flows.events(n_instruments=1))
def test_turned_sides_turn_the_imbalance_alone(flow: list[flows.Event]) -> None:
    """With buyers and sellers exchanged, signed imbalances change sign and VPIN stays, to the bit."""
    config = Config(bucket_volume=10.0, n_buckets=3)
    records = flows.records(flow)
    turned = copy.deepcopy(records)
    turned.trade["aggressor_side"] *= -1

    one: list[Any] = [emit.payload for emit in flows.emitted(flows.fresh(config, 1), [records])]
    other: list[Any] = [emit.payload for emit in flows.emitted(flows.fresh(config, 1), [turned])]

    assert [-payload.signed_imbalance for payload in one] == [payload.signed_imbalance for payload in other]
    assert [payload.vpin for payload in one] == [payload.vpin for payload in other]


@each_method
@settings(max_examples=15)
@given(data=st.data())
def test_a_restored_state_goes_on_as_if_never_stopped(method: Any, data: st.DataObject) -> None:
    """State to bytes and back, at any record, changes nothing that is said later."""
    config = data.draw(configs(method))
    flow = data.draw(flows.events())
    records = flows.records(flow)
    head, rest = records.split_at_sequence(data.draw(st.integers(1, len(flow) + 1)))
    engine, reborn = flows.fresh(config), flows.fresh(config)
    before = flows.emitted(engine, [head])
    reborn.state = states.decode(states.encode(engine.state), type(engine.state))

    assert before + flows.emitted(reborn, [rest]) == flows.emitted(flows.fresh(config), [records])


@each_method
def test_memory_does_not_grow_with_records(method: Any) -> None:
    """Ten times the trades of the same instruments take no byte more."""
    config = Config(bucket_volume=3.0, n_buckets=5, classification=method, bar_seconds=1.0)
    engine, sizes, n = flows.fresh(config), [], 5_000
    for repeat in range(10):
        place = np.arange(repeat * n, (repeat + 1) * n)
        trades = trade_records(place * 10**8, 10**11 + place % 3 * 10**7, np.full(n, 2), 1 - 2 * (place % 2))
        trades["sequence"] = place + 1
        trades["instrument"] = place % 2
        flows.emitted(engine, [Records({"trade": trades})])
        sizes.append(len(states.encode(engine.state)))

    assert len(set(sizes)) == 1
