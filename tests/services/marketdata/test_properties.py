"""Whatever the feed and however it is cut, marketdata says what plain Python says."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus.records import Array, Records
from services.marketdata.config import Config
from services.marketdata.engine import State, create
from shared import state as states
from shared.instruments import Instrument
from tests.services.marketdata.flows import Flow, play, same_bytes
from tests.services.marketdata.oracle import Oracle, told

INSTRUMENTS = (
    Instrument(instrument_id="WHOLE.TEST"),
    Instrument(instrument_id="FINE.TEST", size_increment=100_000_000, multiplier=50_000_000_000),
)
BARS = {
    # setting: basis, step for each instrument
    "250ms": ("time", (250_000_000, 250_000_000)),
    "1s": ("time", (1_000_000_000, 1_000_000_000)),
    "7s": ("time", (7_000_000_000, 7_000_000_000)),
    "volume:3": ("volume", (3, 30)),
    "volume:20": ("volume", (20, 200)),
    "dollar:1000": ("dollar", (1_000_000_000_000, 1_000_000_000_000)),
    "dollar:50.5": ("dollar", (50_500_000_000, 50_500_000_000)),
}
LENGTHS = st.lists(st.sampled_from([1, 2, 7, 64, 4096]), max_size=30)
CONFIGS = st.builds(
    Config,
    bars=st.lists(st.sampled_from(sorted(BARS)), unique=True, max_size=4).map(tuple),
    trade_side=st.sampled_from(["lee_ready", "tick_rule", "reported"]),
    clock_idle_seconds=st.integers(1, 5),
)


@st.composite
def feeds(draw: st.DrawFn) -> Records:
    """A session of two instruments with bursts, silences, late trades and one-sided or crossed quotes."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    scale = draw(st.sampled_from([0.0, 0.01, 0.3, 4.0]), label="seconds between records")
    n_records = draw(st.integers(0, 120), label="records")
    flow = Flow(*INSTRUMENTS, at=0.75)
    seen = 0.75
    for kind in generator.choice(list("ttttqqb"), n_records):
        seen += float(generator.choice([0.0, 0.25, scale * generator.exponential()]))
        _add(flow, kind, seen, generator)
    return flow.records()


def _add(flow: Flow, kind: str, seen: float, generator: np.random.Generator) -> None:
    at = seen + float(generator.choice([0.0, 0.0, -0.25, -3.0, 0.5]))
    row, tick = int(generator.integers(2)), 0.01 * int(generator.integers(-2, 3))
    if kind == "t":
        size = int(generator.choice([0, 1, 3, 20, 61]))
        side = int(generator.choice([0, 0, 0, 1, -1]))
        origin = int(generator.choice([0, 0, 1])) if side == 0 else 0
        flow.trade(at, 100 + tick, size, side=side, row=row, seen=seen, side_origin=origin)
    elif kind == "q":
        bid, ask = (100 + tick) * bool(generator.integers(5)), (100.02 - tick) * bool(generator.integers(5))
        flow.quote(at, bid, ask, row=row, seen=seen)
    else:
        flow.bar(seen, 100, 101, 99, 100 + tick, row=row, origin=2)


@given(CONFIGS, feeds(), LENGTHS)
def test_any_cut_of_the_feed_gives_the_same_bytes(config: Config, feed: Records, lengths: list[int]) -> None:
    """Slices of 1, 7, 4096 or any other length leave no trace in the records or in the state."""
    whole, cut = create(config), create(config)
    expected_records = play(whole, feed)

    assert same_bytes(play(cut, feed, lengths), expected_records)
    assert states.encode(cut.state) == states.encode(whole.state)
    assert cut.measure() == whole.measure()


@given(CONFIGS, feeds(), st.integers(0, 122))
def test_a_copied_or_decoded_state_goes_on_as_if_nothing_had_been(
    config: Config, feed: Records, stop: int
) -> None:
    """A state that is deep-copied, or encoded and decoded, in the middle gives the same records."""
    whole = play(create(config), feed)
    for transfer in (copy.deepcopy, _through_bytes):
        first, second = create(config), create(config)
        head, tail = feed.split_at_sequence(stop + 1)
        said = play(first, head)
        second.state = transfer(first.state)
        second.instruments = copy.deepcopy(first.instruments)
        rest = second.on_records(tail).numbered_from(len(said))

        assert same_bytes(Records.joined([said, rest]), whole)


@given(CONFIGS, feeds())
def test_sequences_have_no_holes_and_times_never_fall(config: Config, feed: Records) -> None:
    """The flow is numbered 1 to m over all kinds, and ``ts_init`` never decreases along it."""
    said = play(create(config), feed)
    joined = np.concatenate([array[["sequence", "ts_init"]] for _, array in said])
    times = joined["ts_init"][np.argsort(joined["sequence"])]

    assert said.sequences().tolist() == list(range(1, len(said) + 1))
    assert (times[1:] >= times[:-1]).all()


@given(CONFIGS, feeds())
def test_it_says_what_plain_python_says(config: Config, feed: Records) -> None:
    """Every field of every record equals that of an independent engine in plain Python."""
    oracle = Oracle([BARS[name] for name in config.bars], config.trade_side, config.clock_idle_seconds)
    oracle.feed(feed)

    assert told(play(create(config), feed)) == oracle.said


@given(CONFIGS, feeds())
def test_bars_hold_their_prices_and_all_the_volume(config: Config, feed: Records) -> None:
    """Low <= open, close <= high, no bar is empty, and no volume is made or lost but what still forms."""
    engine = create(config)
    said = play(engine, feed)
    made = said.bar[said.bar["origin"] == 1]
    forming = engine.state.forming[: len(engine.instruments)]

    assert (made["low"] <= np.minimum(made["open"], made["close"])).all()
    assert (made["high"] >= np.maximum(made["open"], made["close"])).all()
    assert (made["n_trades"] > 0).all()
    for row in range(len(INSTRUMENTS)):
        traded = said.trade["size"][said.trade["instrument"] == row].sum()
        for column in range(len(config.bars)):
            closed = made[(made["instrument"] == row) & _is(made, forming[row, column])]
            assert closed["volume"].sum() + forming[row, column]["volume"] == traded


@given(CONFIGS, feeds())
def test_volume_bars_hold_their_step_and_time_bars_their_trades(config: Config, feed: Records) -> None:
    """A volume bar holds exactly its step; a time bar is a UTC multiple and ends after it began."""
    said = play(create(config), feed)
    made = said.bar[said.bar["origin"] == 1]
    volume, time = made[made["basis"] == 2], made[made["basis"] == 1]

    assert (volume["volume"] == volume["step"]).all()
    assert (time["ts_event"] - time["ts_open"] == time["step"]).all()
    assert (time["ts_open"] % time["step"] == 0).all()
    assert (made["ts_open"] <= made["ts_event"]).all()
    assert (made["ts_event"] <= made["ts_init"]).all()


def _is(bars: Array, forming: Any) -> Array:
    same: Array = (bars["basis"] == forming["basis"]) & (bars["step"] == forming["step"])
    return same


def _through_bytes(state: State) -> State:
    return states.decode(states.encode(state), State)
