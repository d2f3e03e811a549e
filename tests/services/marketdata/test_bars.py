"""Bars of hand-made flows: which trade belongs where, when a bar closes, and what is carried over."""

from __future__ import annotations

from services.marketdata.config import Config
from services.marketdata.engine import create
from shared.instruments import Instrument
from tests.services.marketdata.flows import SECOND, Flow, bars, in_order, kinds_of, play


def seen_at(records: object) -> list[float]:
    """When each bar was published, seconds."""
    return [int(record["ts_init"]) / SECOND for record in records.bar]  # type: ignore[attr-defined]


def test_time_bars_are_multiples_of_their_step() -> None:
    """A bar holds ``open <= time < close``; a clock at its end closes it, a silent step has none."""
    # time    0.......10........20........30........40
    # price     5  7 6    |         |  8     |
    # bar     [-------10)           [20-----30)
    flow = Flow("A.X").trade(2, 5, 1).trade(5, 7, 2).trade(7, 6, 3).trade(23, 8, 4).quote(31, 1, 2)
    said = play(create(Config(bars=("10s",))), flow.records())

    assert bars(said) == [(10, 5, 7, 5, 6, 6, 3), (30, 8, 8, 8, 8, 4, 1)]
    assert seen_at(said) == [10, 30]
    assert said.bar["ts_open"].tolist() == [0, 20 * SECOND]


def test_a_trade_at_the_end_belongs_to_the_next_bar() -> None:
    """The end of a bar is the beginning of the next."""
    # time    0.........1.........2
    # price   1       2 3       4 5
    # bar     [---------)[--------)[...
    flow = Flow("A.X").trade(0, 1).trade(0.9, 2).trade(1, 3).trade(1.9, 4).trade(2, 5)

    assert bars(play(create(Config(bars=("1s",))), flow.records())) == [
        (1, 1, 2, 1, 2, 2, 2),
        (2, 3, 4, 3, 4, 2, 2),
    ]


def test_a_trade_closes_a_bar_before_the_clock_does() -> None:
    """Between two clocks it is the instrument's next trade that shows a bar to have ended."""
    # time    0....250...500...750...1000 ms
    # A         1    .      2   |         trade 2 closes [0, 250)
    # B           3                  |    the clock closes A's [500, 750) and B's [0, 250)
    flow = Flow("A.X", "B.X").trade(0.1, 1).trade(0.15, 3, row=1).trade(0.6, 2).quote(1, 1, 2)
    said = play(create(Config(bars=("250ms",))), flow.records())

    assert kinds_of(said) == "iitt" + "bt" + "bbcq"
    assert said.bar["instrument"].tolist() == [0, 0, 1]
    assert bars(said) == [(0.25, 1, 1, 1, 1, 1, 1), (0.75, 2, 2, 2, 2, 1, 1), (0.25, 3, 3, 3, 3, 1, 1)]
    assert seen_at(said) == [0.6, 1, 1]


def test_a_late_trade_goes_to_the_bar_that_forms() -> None:
    """A bar that is closed stays closed; who comes late is in the next, even if that has no other trade."""
    # happened  0.....1.....2.....3
    #             1  (2)             2 is received at 1.2, after [0, 1) was closed
    #                    3           3 is received at 1.5
    #               (4)              4 is received at 2.5, after [1, 2) was closed
    flow = Flow("A.X").trade(0.2, 1).trade(0.8, 2, seen=1.2).trade(1.5, 3).trade(0.9, 4, seen=2.5)
    said = play(create(Config(bars=("1s",))), flow.quote(3, 1, 2).records())

    assert bars(said) == [(1, 1, 1, 1, 1, 1, 1), (2, 2, 3, 2, 3, 2, 2), (3, 4, 4, 4, 4, 1, 1)]


def test_a_late_trade_may_still_open_its_own_bar() -> None:
    """Where a bar was never published it is: at the next clock, with its own times."""
    # happened  0.....1.....2
    #               1            received at 1.2; [0, 1) had no trade and was not published
    flow = Flow("A.X").trade(0.8, 1, seen=1.2).quote(2, 1, 2)
    said = play(create(Config(bars=("1s",))), flow.records())

    assert bars(said) == [(1, 1, 1, 1, 1, 1, 1)]
    assert seen_at(said) == [2]


def test_a_stamp_ahead_of_its_receipt_opens_no_future() -> None:
    """A venue's clock that is ahead cannot put a trade into a bar that has not begun."""
    flow = Flow("A.X").trade(1_000_000, 1, seen=0.5).trade(0.7, 2).quote(1, 1, 2)

    assert bars(play(create(Config(bars=("1s",))), flow.records())) == [(1, 1, 2, 1, 2, 2, 2)]


def test_day_bars_are_days_in_utc() -> None:
    """A day is a UTC day, closed within the idle time's clocks or by the jump to the next record."""
    day = 86_400
    flow = Flow("A.X", at=10).trade(10, 1).trade(day - 30, 2).trade(2 * day - 120, 3).trade(3 * day, 4)
    said = play(create(Config(bars=("1d",))), flow.records())

    assert bars(said) == [(day, 1, 2, 1, 2, 2, 2), (2 * day, 3, 3, 3, 3, 1, 1)]
    assert seen_at(said) == [day, 3 * day]


def test_volume_bars_split_a_trade_exactly() -> None:
    """Each holds exactly its step; an overfilling trade counts in every bar that it is a part of."""
    # trades   3 @ 1 | 4 @ 2                                   | 17 @ 3
    # bars     [3 @ 1, 2 @ 2]  [2 @ 2, 3 @ 3]  [5 @ 3]  [5 @ 3]  (4 @ 3 ...
    flow = Flow("A.X").trade(1, 1, 3).trade(2, 2, 4).trade(3, 3, 17)
    market = create(Config(bars=("volume:5",)))
    said = play(market, flow.records())

    assert bars(said) == [
        (2, 1, 2, 1, 2, 5, 2),
        (3, 2, 3, 2, 3, 5, 2),
        (3, 3, 3, 3, 3, 5, 1),
        (3, 3, 3, 3, 3, 5, 1),
    ]
    assert said.bar["ts_open"].tolist() == [SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND]
    assert int(market.state.forming[0, 0]["volume"]) == 4


def test_a_trade_that_just_fills_a_volume_bar_closes_it() -> None:
    """The bar is published with that trade, not with the one after; nothing is left over."""
    said = play(create(Config(bars=("volume:5",))), Flow("A.X").trade(1, 1, 2).trade(2, 2, 3).records())

    assert kinds_of(said) == "i" + "ct" + "ctb"
    assert bars(said) == [(2, 1, 2, 1, 2, 5, 2)]


def test_volume_is_in_units_of_the_instrument() -> None:
    """``volume:1.5`` is 1.5 contracts or coins; the record counts it in size units."""
    instrument = Instrument(instrument_id="BTC.X", size_increment=10_000_000)
    said = play(create(Config(bars=("volume:1.5",))), Flow(instrument).trade(1, 1, 200).records())

    assert said.bar[["volume", "step", "basis"]].tolist() == [(150, 150, 2)]


def test_dollar_bars_close_on_the_trade_that_reaches_them() -> None:
    """Notional is price × size × multiplier; what goes over the step is not carried over."""
    # notional   300   600 | 1000 | 400 ...
    # bars       [900 < 1000, 1900] [400 ...
    instrument = Instrument(instrument_id="F.X", size_increment=100_000_000, multiplier=10_000_000_000)
    flow = Flow(instrument).trade(1, 100, 3).trade(2, 100, 6).trade(3, 50, 20).trade(4, 100, 4)
    market = create(Config(bars=("dollar:1000",)))
    said = play(market, flow.records())

    assert bars(said) == [(3, 100, 100, 50, 50, 29, 3)]
    assert said.bar[["step", "basis"]].tolist() == [(1_000_000_000_000, 3)]
    assert int(market.state.forming[0, 0]["notional"]) == 400_000_000_000


def test_a_trade_of_any_notional_closes_a_dollar_bar() -> None:
    """Where a notional passes 64 bits it saturates, which no bar can tell."""
    flow = Flow("A.X").trade(1, 4_000_000_000, 2**61).trade(2, 0.5, 1)

    assert bars(play(create(Config(bars=("dollar:4000000000",))), flow.records()))[0][5] == 2**61


def test_negative_prices_have_a_notional_too() -> None:
    """A spread or oil below zero: the notional is of the price's magnitude."""
    flow = Flow("CL.X").trade(1, -37.5, 2).trade(2, -37.5, 2)

    assert bars(play(create(Config(bars=("dollar:100",))), flow.records())) == [
        (2, -37.5, -37.5, -37.5, -37.5, 4, 2)
    ]


def test_a_trade_of_size_zero_is_a_price() -> None:
    """An index print moves the bars and fills none."""
    flow = Flow("SPX.X").trade(0.1, 10, 0).trade(0.2, 12, 0).trade(0.3, 11, 0).quote(1, 1, 2)
    said = play(create(Config(bars=("1s", "volume:1", "dollar:1"))), flow.records())

    assert bars(said) == [(1, 10, 12, 10, 11, 0, 3)]


def test_imported_bars_go_through_and_touch_nothing() -> None:
    """A bar of a file is passed on marked as imported; it neither trades nor mixes with bars made here."""
    flow = Flow("A.X").trade(10, 5).bar(60, 1, 4, 1, 2, volume=7, origin=1).trade(61, 6).quote(120, 1, 2)
    market = create(Config(bars=("1m",)))
    said = play(market, flow.records())

    assert [
        (int(bar["origin"]), int(bar["close"]) // 10**9) for _, bar in in_order(said.only(frozenset({"bar"})))
    ] == [
        (1, 5),
        (2, 2),
        (1, 6),
    ]
    assert market.summary()[0]["bars"] == 3
