"""marketdata over HTTP: what is trading, at what price, right now."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from bus.record_codes import BarBasis, BookAction, BookReason, BookState
from bus.records import Records
from services.marketdata.api import router, warm
from services.marketdata.config import Config
from services.marketdata.engine import MarketData, create
from services.marketdata.kernel.recent import KEPT_BARS, KEPT_TRADES
from services.marketdata.spec import SPEC
from shared import state as states
from shared.face.app import Face
from shared.fleet_settings import HttpSettings
from shared.instruments import Instrument
from tests.fleet.flow import input_flow
from tests.services.marketdata.flows import SECOND, Flow, pieces, play
from tests.shared.face.faces import get


def engine(*feeds: Records, **settings: Any) -> MarketData:
    """An engine that has heard these feeds."""
    made = create(Config(**{"bars": ("1s",), **settings}))
    for feed in feeds:
        made.on_records(feed)
    return made


def told(made: MarketData, path: str) -> Any:
    """Answer of an engine."""
    answer = get(face(made), path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def face(made: MarketData) -> Face:
    """The routes of an engine."""
    return Face(SPEC.name, SPEC.question, HttpSettings(), [router(made)])


COIN = Instrument(
    instrument_id="BTC.TEST", size_increment=1_000_000, multiplier=2_000_000_000, time_zone="Asia/Tokyo"
)


def test_instruments_are_told_in_natural_units() -> None:
    """In the order of their rows, a page at a time."""
    made = engine(Flow("A.X", COIN).records())

    assert told(made, "/v1/instruments?offset=1") == {
        "n_instruments": 2,
        "offset": 1,
        "instruments": [
            {
                "instrument_id": "BTC.TEST",
                "row": 1,
                "price_increment": 0.01,
                "size_increment": 0.001,
                "multiplier": 2.0,
                "currency": "USD",
                "time_zone": "Asia/Tokyo",
            }
        ],
    }


def test_the_last_quote_is_told_side_by_side() -> None:
    """In natural units; a side that is absent is null, and a crossed quote is called so."""
    made = engine(Flow(COIN).quote(1, 99.5, 100.25, bid_size=1_500).records())
    assert told(made, "/v1/quotes/BTC.TEST") == {
        "instrument_id": "BTC.TEST",
        "ts_event": SECOND,
        "ts_init": SECOND,
        "sequence": 3,
        "bid_price": 99.5,
        "ask_price": 100.25,
        "bid_size": 1.5,
        "ask_size": 0.01,
        "crossed": False,
        "suspicious": False,
        "reason": None,
        "n_observations": 1,
        "method": "last_quote",
        "parameters": {},
    }
    made.on_records(
        Flow(COIN, at=2)
        .quote(2, 0, 98, bid_size=0, flags=1)
        .quote(3, 99, 98)
        .records()
        .split_at_sequence(3)[0]
    )
    half = told(made, "/v1/quotes/BTC.TEST")
    assert (half["bid_price"], half["bid_size"], half["ask_price"]) == (None, None, 98)
    assert (half["suspicious"], half["n_observations"]) == (True, 2)
    made.on_records(Flow(COIN, at=4).quote(4, 99, 98).records())
    assert told(made, "/v1/quotes/BTC.TEST")["crossed"] is True


def test_without_a_quote_there_is_a_reason() -> None:
    """An instrument of which only trades are known."""
    quote = told(engine(Flow("A.X").trade(1, 100).records()), "/v1/quotes/A.X")

    assert quote["reason"] == "no_quote"
    assert {quote[name] for name in ("ts_event", "sequence", "bid_price", "ask_size", "crossed")} == {None}


def test_all_quotes_are_told_a_page_at_a_time() -> None:
    """With the newest and the oldest time among them."""
    made = engine(Flow("A.X", "B.X", "C.X").quote(1, 1, 2).quote(5, 1, 2, row=2).records())
    quotes = told(made, "/v1/quotes")

    assert [quote["instrument_id"] for quote in quotes["quotes"]] == ["A.X", "B.X", "C.X"]
    assert (quotes["ts_event"], quotes["as_of_oldest"], quotes["n_instruments"]) == (5 * SECOND, SECOND, 3)
    assert told(made, "/v1/quotes?offset=3")["quotes"] == []
    assert told(engine(), "/v1/quotes")["quotes"] == []


def test_the_last_trades_are_told_oldest_first() -> None:
    """Price, size, side and how it is known; as many as asked for."""
    feed = Flow("A.X", COIN).trade(1, 100, 5).trade(2, 101, 3).trade(3, 7, row=1, side=-1, size=1_250)
    made = engine(feed.records())
    (first, second) = told(made, "/v1/trades/A.X")["trades"]

    assert (first["price"], first["aggressor_side"], first["side_origin"]) == (100, 0, "none")
    assert (second["price"], second["aggressor_side"], second["side_origin"]) == (101, 1, "tick_rule")
    (coin,) = told(made, "/v1/trades/BTC.TEST")["trades"]
    assert (coin["size"], coin["side_origin"]) == (1.25, "reported")
    limited = told(made, "/v1/trades/A.X?limit=1")
    assert ([trade["price"] for trade in limited["trades"]], limited["n_observations"]) == ([101], 2)


def test_the_very_last_trade_is_told_however_long_ago() -> None:
    """When others have filled the ring, it is still there; and where there was none, a reason is."""
    feed = Flow("A.X", "B.X", "C.X").trade(1, 100)
    made = engine(feed.records(), bars=())
    busy = Flow("A.X", "B.X", at=2)
    for number in range(KEPT_TRADES + 5):
        busy.trade(2 + number, 100, row=1)
    made.on_records(busy.records())

    assert [trade["ts_event"] for trade in told(made, "/v1/trades/A.X")["trades"]] == [SECOND]
    assert len(told(made, "/v1/trades/B.X?limit=1000")["trades"]) == 1_000
    nothing = told(made, "/v1/trades/C.X")
    assert (nothing["trades"], nothing["reason"], nothing["ts_event"]) == ([], "no_trade", None)


def test_the_last_bars_are_told_by_their_sort() -> None:
    """Time, volume and imported bars, each under its own interval; the first of the setting by default."""
    feed = Flow("A.X").trade(0.5, 100, 4).trade(1.5, 101, 6).trade(2.5, 99, 3).bar(60, 1, 3, 1, 2)
    made = engine(feed.records(), bars=("1s", "volume:5"))
    by_time = told(made, "/v1/bars/A.X")

    assert [(bar["ts_open"], bar["ts_event"], bar["open"], bar["volume"]) for bar in by_time["bars"]] == [
        (second * SECOND, (second + 1) * SECOND, price, volume)
        for second, price, volume in ((0, 100, 4), (1, 101, 6), (2, 99, 3))
    ]
    assert by_time["parameters"] == {"interval": "1s", "basis": "time", "limit": 100}
    by_volume = told(made, "/v1/bars/A.X?interval=volume:5&limit=1")
    assert [bar["volume"] for bar in by_volume["bars"]] == [5]
    (imported,) = told(made, "/v1/bars/A.X?interval=1m")["bars"]
    assert (imported["high"], imported["origin"]) == (3, "imported")


def test_without_a_bar_there_is_a_reason() -> None:
    """A sort that is made, of which none has closed."""
    bars = told(engine(Flow("A.X").trade(0.5, 100).records()), "/v1/bars/A.X")

    assert (bars["bars"], bars["reason"], bars["n_observations"]) == ([], "warming_up", 0)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v1/quotes/B.X", 404, "`instrument_id`: expected an instrument that was defined, got 'B.X'"),
        ("/v1/trades/B.X", 404, "`instrument_id`: expected an instrument that was defined, got 'B.X'"),
        ("/v1/bars/B.X", 404, "`instrument_id`: expected an instrument that was defined, got 'B.X'"),
        ("/v1/bars/A.X?interval=5s", 404, "is made (`1s`) or was imported, found `5s`; add it to"),
        ("/v1/bars/A.X?interval=often", 422, "`interval`: expected a bar such as `60s` or `time:60s`"),
        ("/v1/bars/A.X?interval=volume:0.5", 422, "a whole number of size units of 1, found volume:0.5"),
        ("/v1/trades/A.X?limit=0", 422, "`limit`: expected greater than or equal to 1, found"),
        ("/v1/trades/A.X?limit=1001", 422, "`limit`: expected less than or equal to 1000, found"),
        ("/v1/boot/A.X", 404, "expected a path that /docs lists"),
    ],
)
def test_what_there_is_not_is_a_problem(path: str, status: int, detail: str) -> None:
    """An unknown instrument, a sort of bars that nobody makes, a limit out of bounds."""
    answer = get(face(engine(Flow("A.X").trade(1, 100).records())), path)

    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_without_bars_an_interval_must_be_named() -> None:
    """There is no first one in an empty setting."""
    answer = get(face(engine(Flow("A.X").records(), bars=())), "/v1/bars/A.X")

    assert answer.json()["detail"].startswith("`interval`: expected one such as `60s`, for no bars are made")


@pytest.mark.parametrize("lengths", [(1,) * 400, (7,) * 60, (400,)])
def test_what_is_kept_does_not_depend_on_the_cut_and_is_numbered_as_on_the_bus(
    lengths: tuple[int, ...],
) -> None:
    """Sequences are those under which the same records were published."""
    feed = input_flow(400)
    made = engine(bars=("1s",))
    said = play(made, feed, lengths)
    state = made.state
    trades = said.trade[-min(KEPT_TRADES, len(said.trade)) :]

    for row, instrument in enumerate(made.instruments):
        own = trades[trades["instrument"] == row]
        assert made.recent_trades(instrument.instrument_id, 1_000).tobytes() == own[-1_000:].tobytes()
        quotes = said.quote[said.quote["instrument"] == row]
        assert made.last_quote(instrument.instrument_id).tobytes() == quotes[-1].tobytes()
        bars = said.bar[said.bar["instrument"] == row]
        found = made.recent_bars(instrument.instrument_id, BarBasis.TIME, SECOND, 1_000)
        assert found.tobytes() == bars.tobytes()
    whole = engine(bars=("1s",))
    for piece in pieces(feed, itertools.repeat(400)):
        whole.on_records(piece)
    assert states.encode(state) == states.encode(whole.state)


def test_the_rings_hold_the_last_ones() -> None:
    """A slice that is longer than a ring leaves its end in it."""
    trades = np.repeat(Flow("A.X").trade(1, 100, 7).records().trade, KEPT_TRADES + 10)
    trades["sequence"] = np.arange(2, len(trades) + 2)
    trades["ts_event"] = trades["ts_init"] = SECOND + np.arange(len(trades)) * SECOND
    made = engine(Flow("A.X").records(), Records({"trade": trades}))
    kept = made.recent_trades("A.X", 10_000)

    assert kept["ts_event"].tolist() == trades["ts_event"][10:].tolist()
    assert len(made.recent_bars("A.X", BarBasis.TIME, SECOND, 10_000)) == KEPT_BARS


def test_there_is_nothing_to_compile() -> None:
    """All of its kernels are those of the bus."""
    warm()


def test_a_book_is_told_with_its_state() -> None:
    """Levels best first, sizes in natural units, orders where the source gives them; and what it is worth."""
    feed = Flow(COIN, "A.X", "B.X").snapshot(1, (99, 500), (98, 300), (101, 7000))
    feed.order(2, BookAction.CLEAR, 0, row=1).order(3, BookAction.ADD, 1, 99, 5, row=1)
    feed.order(3, BookAction.ADD, 2, 99, 4, row=1).state(4, BookState.STALE, BookReason.GAP)
    made = engine(feed.records())

    coin = told(made, "/v1/book/BTC.TEST?depth=1")
    assert coin == {
        "instrument_id": "BTC.TEST",
        "ts_event": SECOND,
        "state": "stale",
        "state_reason": "gap",
        "bids": [{"price": 99.0, "size": 0.5, "n_orders": None}],
        "asks": [{"price": 101.0, "size": 7.0, "n_orders": None}],
        "n_bids": 2,
        "n_asks": 1,
        "reason": None,
        "n_observations": 3,
        "method": "order_book",
        "parameters": {"depth": 1},
    }
    share = told(made, "/v1/book/A.X")
    assert (share["state"], share["bids"]) == ("live", [{"price": 99.0, "size": 9.0, "n_orders": 2}])
    none = told(made, "/v1/book/B.X")
    assert (none["reason"], none["state"], none["bids"]) == ("no_book", None, [])


def test_books_that_are_not_there_are_refused() -> None:
    """An unknown instrument, and a depth beyond the bound."""
    made = engine(Flow("A.X").records())

    assert get(face(made), "/v1/book/B.X").status_code == 404
    assert get(face(made), "/v1/book/A.X?depth=0").status_code == 422
    assert get(face(made), "/v1/book/A.X?depth=1001").status_code == 422
