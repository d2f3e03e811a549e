"""marketdata passes a feed on: rows, numbers, refusals, state, and what it tells of itself."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest

from bus.record_codes import BarOrigin, Flag
from bus.records import CLOCK, Records
from services.marketdata.config import Config
from services.marketdata.engine import MarketData, create
from services.marketdata.spec import SPEC
from shared import state as states
from shared.errors import ConstraintError, SettingsError
from shared.instruments import Instrument
from tests.services.marketdata.flows import SECOND, Flow, bars, in_order, kinds_of, play, sides


def engine(**settings: object) -> MarketData:
    """An engine with these settings, without bars unless they are given."""
    return create(Config(**{"bars": (), **settings}))  # type: ignore[arg-type]


def test_trades_and_quotes_go_through_as_they_are() -> None:
    """But for row, sequence and a missing side, a record is what the feed gave."""
    feed = Flow("ES.XCME").quote(1, 99.75, 100).trade(1.5, 100, 3, side=1, side_origin=1, flags=1).records()
    said = play(engine(), feed)

    assert kinds_of(said) == "icqt"
    assert said.quote[["ts_event", "bid_price", "ask_price", "bid_size", "ask_size", "flags"]].tolist() == [
        (SECOND, 99_750_000_000, 100_000_000_000, 10, 10, 0)
    ]
    assert said.trade[["ts_event", "price", "size", "aggressor_side", "side_origin", "flags"]].tolist() == [
        (1_500_000_000, 100_000_000_000, 3, 1, 1, 1)
    ]


def test_the_feed_is_left_as_it_was() -> None:
    """The arrays a feed gave are never written to."""
    feed = Flow("A.X").quote(1, 3, 2).trade(2, 100).trade(3, 101).bar(60, 1, 2, 1, 2).records()
    before = {kind: array.tobytes() for kind, array in feed}
    play(engine(bars=("1s",)), feed)

    assert {kind: array.tobytes() for kind, array in feed} == before


def test_read_only_slices_are_taken_too() -> None:
    """Records that were viewed out of a frame cannot be written; that is no obstacle."""
    feed = Flow("A.X").trade(1, 100).trade(2, 101).records()
    expected = play(engine(), feed)
    for _, array in feed:
        array.flags.writeable = False

    assert kinds_of(play(engine(), feed)) == kinds_of(expected)


def test_rows_of_the_feed_become_rows_of_the_fleet() -> None:
    """A second feed has rows of its own: known instruments keep theirs, new ones get the next."""
    market = engine()
    market.on_records(Flow("A.X", "B.X").trade(1, 100, row=1).records())
    second = Flow("C.X", "B.X", at=2).trade(3, 100, row=0).trade(4, 100, row=1).records()
    said = market.on_records(second)

    assert said.instrument["instrument"].tolist() == [2, 1]
    assert said.trade["instrument"].tolist() == [2, 1]
    assert [instrument.instrument_id for instrument in market.instruments] == ["A.X", "B.X", "C.X"]


def test_a_definition_counts_from_its_own_place_on() -> None:
    """In one slice a row can be defined anew; records before it still mean the old instrument."""
    feed = Flow("A.X").trade(1, 100).define(0, "B.X", 2).trade(3, 100).records()

    assert play(engine(), feed).trade["instrument"].tolist() == [0, 1]


def test_a_definition_may_be_corrected_but_not_its_units() -> None:
    """Price step, currency and zone may change; what sizes and notionals are counted in may not."""
    market = engine()
    market.on_records(Flow(Instrument(instrument_id="A.X", currency="USD")).records())
    market.on_records(Flow(Instrument(instrument_id="A.X", currency="EUR"), at=1).records())

    assert market.instruments[0].currency == "EUR"
    with pytest.raises(
        ConstraintError, match=r"`instrument.size_increment`: expected 1000000000, as A.X was"
    ):
        market.on_records(Flow(Instrument(instrument_id="A.X", size_increment=1), at=2).records())


def test_the_flow_is_numbered_over_all_kinds() -> None:
    """Sequences are 1 to m, and at equal times records stand in the order of their cause."""
    feed = Flow("A.X").trade(0.5, 100, 2).trade(1.5, 101, 2).quote(2, 1, 2).bar(2, 5, 6, 5, 6).records()
    said = play(engine(bars=("1s", "volume:2")), feed)

    # 0.5 s: trade, its volume bar   1 s: bar of the first second, clock   1.5 s: trade, its volume bar
    # 2 s: bar of the second second, clock, quote, imported bar
    assert kinds_of(said) == "itb" + "bc" + "tb" + "bcqb"
    assert said.sequences().tolist() == list(range(1, 12))
    assert said.bar["origin"].tolist() == [BarOrigin.MADE] * 4 + [BarOrigin.IMPORTED]


def test_crossed_quotes_are_flagged() -> None:
    """A bid at or above the ask is flagged; a missing side crosses nothing."""
    feed = Flow("A.X").quote(0, 2, 1).quote(0, 1, 1).quote(0, 1, 2).quote(0, 2, 0).quote(0, 0, 1).records()
    market = engine()

    assert play(market, feed).quote["flags"].tolist() == [Flag.CROSSED, Flag.CROSSED, 0, 0, 0]
    assert market.measure()["knotmeter_marketdata_crossed_quotes_total"] == 2


def test_an_empty_slice_says_nothing() -> None:
    """Nothing in, nothing out."""
    assert len(engine().on_records(Records({}))) == 0


BAD: dict[str, tuple[Callable[[Flow], Flow], str, str]] = {
    "unknown row": (lambda flow: flow.trade(2, 100, row=1), "trade.instrument", "instrument 1"),
    "unknown row of a quote": (lambda flow: flow.quote(2, 1, 2, row=7), "quote.instrument", "instrument 7"),
    "time going backwards": (lambda flow: flow.trade(0.5, 100), "trade.ts_init", "ts_init 500000000"),
    "bar going backwards": (lambda flow: flow.bar(0.5, 1, 1, 1, 1), "bar.ts_init", "ts_init 500000000"),
    "no time": (lambda flow: flow.trade(2, 100, ts_event=2**63 - 1), "trade.ts_event", "9223372036854775807"),
    "no price": (lambda flow: flow.trade(2, 9_000_000_000), "trade.price", "price 9000000000000000000 in"),
    "no bid": (lambda flow: flow.quote(2, 1, 2, bid_price=-(2**63)), "quote.bid_price", "ask_price 2000000"),
    "negative size": (lambda flow: flow.trade(2, 100, -5), "trade.size", "size -5 in record 3"),
    "huge size": (lambda flow: flow.trade(2, 100, 2**63 - 1), "trade.size", "0 to 2^62 size units"),
    "negative bid size": (lambda flow: flow.quote(2, 1, 2, bid_size=-1), "quote.bid_size", "bid_size -1"),
    "no side": (lambda flow: flow.trade(2, 100, side=2), "trade.aggressor_side", "expected -1, 0 or 1"),
    "no origin": (lambda flow: flow.trade(2, 100, side_origin=4), "trade.side_origin", "expected 0 to 3"),
    "high below close": (lambda flow: flow.bar(60, 1, 1, 1, 2), "bar.low", "low <= open, close <= high"),
    "low above open": (lambda flow: flow.bar(60, 1, 3, 2, 2), "bar.low", "open 1000000000"),
    "negative volume": (lambda flow: flow.bar(60, 1, 1, 1, 1, volume=-1), "bar.volume", "volume -1"),
    "no basis": (lambda flow: flow.bar(60, 1, 1, 1, 1, basis=0), "bar.basis", "basis 0, step 60000000000"),
    "too many bars": (lambda flow: flow.trade(2, 100, 10_001), "trade.size", "at most 10000 bars"),
    "too much volume": (lambda flow: flow.trade(2, 100, 2**62), "trade.size", "within 2^62"),
    "no id": (lambda flow: flow.define(1, "", 2), "instrument.instrument_id", "expected an id"),
    "no step": (
        lambda flow: flow.define(1, Instrument(instrument_id="B.X", size_increment=0), 2),
        "instrument.size_increment",
        "got 0 in record 3",
    ),
    "a row out of bounds": (
        lambda flow: flow.define(2_000_000, "B.X", 2),
        "instrument.instrument",
        "below 1048576",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_record_leaves_no_trace(what: str) -> None:
    """It raises with field, expectation and finding; state and instruments are as before, in any company."""
    spoil, field, found = BAD[what]
    good = Flow("A.X").trade(1, 100)
    bad = spoil(Flow("A.X").trade(1, 100)).records().split_at_sequence(3)[1]
    # A second instrument and more trades around the bad record must not slip in either.
    company = spoil(Flow("A.X").trade(1, 100)).define(1, "B.X", 60).trade(61, 101).records()
    company = company.split_at_sequence(3)[1]
    market = engine(bars=("volume:1",) if what == "too many bars" else ("1s",))
    market.on_records(good.records())
    before, state = states.encode(market.state), market.state

    for records in (bad, company):
        with pytest.raises(ConstraintError, match=f"^`{field}`: expected ") as caught:
            market.on_records(records)
        assert found in str(caught.value)
        assert market.state is state
        assert states.encode(market.state) == before
        assert [instrument.instrument_id for instrument in market.instruments] == ["A.X"]


def test_records_after_a_bad_one_go_on_from_the_last_good_one() -> None:
    """What was refused has no say in what follows: not in prices, nor in time."""
    market = engine(bars=("1s",))
    good = Flow("A.X").trade(1, 100).trade(2, 101).trade(3, 100)
    for index, part in enumerate(np.split(good.records().trade, 3)):
        if index == 1:
            with pytest.raises(ConstraintError):
                market.on_records(Flow("A.X").trade(9, 1, -1).records())
        definition = good.records().instrument[: int(index == 0)]
        market.on_records(Records({"instrument": definition, "trade": part}))

    expected = engine(bars=("1s",))
    expected.on_records(good.records())
    assert states.encode(market.state) == states.encode(expected.state)


def test_a_feed_with_holes_in_its_numbers_is_refused() -> None:
    """The order of a slice is that of consecutive ordinals; anything else is a broken feed."""
    feed = Flow("A.X").trade(1, 100).trade(2, 100).records()
    feed.trade["sequence"][1] += 1

    with pytest.raises(ConstraintError, match="`sequence`: expected consecutive records of kind"):
        engine().on_records(feed)


def test_a_feed_brings_no_clocks() -> None:
    """The clock is made here; one in the feed is refused like any other kind that feeds do not have."""
    feed = Flow("A.X").trade(1, 100).records()
    clock = np.zeros(1, CLOCK)
    clock["sequence"], clock["ts_event"], clock["ts_init"] = 3, 2 * SECOND, 2 * SECOND

    with pytest.raises(ConstraintError, match="`sequence`: expected consecutive records of kind"):
        engine().on_records(Records({**dict(feed), "clock": clock}))


def test_the_volume_of_a_bar_stays_in_its_bounds() -> None:
    """The trade that would overflow a bar is refused; those before it are kept."""
    market = engine(bars=("1d",))
    market.on_records(Flow("A.X").trade(1, 100, 2**61).trade(2, 100, 2**61 - 1).records())

    with pytest.raises(ConstraintError, match="within 2\\^62"):
        market.on_records(Flow("A.X", at=3).trade(3, 100, 2).records())
    market.on_records(Flow("A.X", at=3).trade(3, 100, 1).records())
    assert int(market.state.forming[0, 0]["volume"]) == 2**62


def test_a_volume_that_fits_no_whole_number_of_units_is_a_wrong_setting() -> None:
    """Exact splitting needs whole units; the setting, the unit and the instrument are named."""
    with pytest.raises(SettingsError, match=r"whole number of size units of 1 of A\.X, got `volume:0\.5`"):
        engine(bars=("volume:0.5",)).on_records(Flow("A.X").records())

    fine = engine(bars=("volume:0.5",))
    fine.on_records(Flow(Instrument(instrument_id="A.X", size_increment=1_000_000)).records())
    assert int(fine.state.forming[0, 0]["step"]) == 500


def test_a_state_of_other_bars_is_refused() -> None:
    """A checkpoint taken with other bars cannot be gone on from; the message says which they were."""
    market = engine(bars=("1s",))
    market.state = copy.deepcopy(engine(bars=("2s",)).state)

    with pytest.raises(SettingsError, match=r"expected \['2s'\], as when this state began, got \['1s'\]"):
        market.on_records(Flow("A.X").records())


def test_many_instruments_in_one_slice() -> None:
    """Tables grow by doubling, and nothing of the instruments known before is lost."""
    market = engine(bars=("1s", "volume:3"))
    market.on_records(Flow("I0.X").trade(0, 100).records())
    flow = Flow(*(f"I{row}.X" for row in range(100)))
    for row in range(100):
        flow.trade(0.5, 100 + row, 3, row=row)
    said = market.on_records(flow.records())

    assert len(market.state.tape) == 128
    assert said.trade["instrument"].tolist() == list(range(100))
    assert bars(said)[:2] == [(0.5, 100, 100, 100, 100, 3, 2), (0.5, 101, 101, 101, 101, 3, 1)]


def test_memory_is_bounded_by_instruments_not_by_records() -> None:
    """A hundred times the records leave a state of the same size."""
    market = engine(bars=("1s", "volume:100", "dollar:1000"))
    market.on_records(Flow("A.X", "B.X").trade(0, 100).records())
    size = len(states.encode(market.state))
    trades = np.repeat(Flow("A.X").trade(1, 100, 7).records().trade, 100_000)
    trades["sequence"] = np.arange(1, len(trades) + 1)
    trades["ts_event"] = trades["ts_init"] = SECOND + np.arange(len(trades)) * 10_000_000
    market.on_records(Records({"trade": trades}))

    assert len(states.encode(market.state)) <= size + 100
    assert market.measure()["knotmeter_marketdata_trades_total"] == 100_001


def test_what_it_measures_is_what_it_declares() -> None:
    """Metrics of the spec and of the engine are the same set, and they count what was published."""
    market = engine(bars=("1s",))
    feed = Flow("A.X").quote(0, 99, 101).trade(1, 100).trade(2, 101).trade(3, 101, side=1).bar(60, 1, 1, 1, 1)
    said = play(market, feed.records())
    measured = market.measure()

    assert set(measured) == {metric.name for metric in SPEC.metrics}
    assert {name.removeprefix("knotmeter_marketdata_"): value for name, value in measured.items()} == {
        "instruments": 1,
        "trades_total": 3,
        "inferred_sides_total": 1,
        "quotes_total": 1,
        "crossed_quotes_total": 0,
        "bars_total": len(said.bar),
        "clocks_total": len(said.clock),
        "books": 0,
        "stale_books": 0,
    }


def test_the_summary_has_a_row_for_each_instrument() -> None:
    """Counts, first and last time, and the last price; null where there was nothing."""
    market = engine(bars=("1s",))
    market.on_records(Flow("A.X", "B.X").quote(1, 99, 101).trade(2, 100.25).trade(4, 100.5).records())

    assert market.summary() == [
        {
            "instrument_id": "A.X",
            "trades": 2,
            "quotes": 1,
            "bars": 1,
            "first_ts_event": SECOND,
            "last_ts_event": 4 * SECOND,
            "last_price": 100.5,
        },
        {
            "instrument_id": "B.X",
            "trades": 0,
            "quotes": 0,
            "bars": 0,
            "first_ts_event": None,
            "last_ts_event": None,
            "last_price": None,
        },
    ]


def test_times_before_1970_are_times_too() -> None:
    """Nothing in the clock or in the bars needs a time to be positive."""
    said = play(engine(bars=("1s",)), Flow("A.X", at=-3).trade(-2.5, 1).trade(-1.25, 2).records())

    assert [(kind, int(record["ts_event"])) for kind, record in in_order(said)] == [
        ("instrument", -3 * SECOND),
        ("trade", -2_500_000_000),
        ("bar", -2 * SECOND),
        ("clock", -2 * SECOND),
        ("trade", -1_250_000_000),
    ]
    assert sides(said) == [(0, 0), (1, 3)]
