"""``POST /v1/vpin`` gives the bits of the bus, or says what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.records import CLOCK, Records
from services.vpin.config import Config
from services.vpin.engine import create
from services.vpin.kernel.batch import quote_records, trade_records
from shared.instruments import Instrument
from tests.services.vpin import flows, reference
from tests.services.vpin.api.routes import ES, SECOND, errors, face
from tests.shared.face.faces import post

TRADE: dict[str, Any] = {"ts_event": 1, "price": 100.0, "size": 5, "aggressor_side": 1}


def measured(**request: Any) -> dict[str, Any]:
    """Answer of ``POST /v1/vpin``."""
    answer = post(face(), "/v1/vpin", json=request)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_trades_are_split_as_worked_by_hand() -> None:
    """The printed vector, bucket by bucket; the first value is null with its reason."""
    vector = reference.vector("splitting")
    trades = [
        {"ts_event": place, "price": 100.0, "size": size, "aggressor_side": side}
        for place, (size, side) in enumerate(vector["trades"], 1)
    ]
    answer = measured(bucket_volume=10, n_buckets=2, classification="reported", trades=trades)

    assert answer["buckets"] == [
        {"index": 0, "ts_event": 2, "buy_volume": 7, "sell_volume": 3, "vpin": None, "reason": "warming_up"},
        {"index": 1, "ts_event": 3, "buy_volume": 6, "sell_volume": 4, "vpin": 0.3},
        {"index": 2, "ts_event": 4, "buy_volume": 0, "sell_volume": 10, "vpin": 0.6},
        {"index": 3, "ts_event": 4, "buy_volume": 0, "sell_volume": 10, "vpin": 1.0},
        {"index": 4, "ts_event": 5, "buy_volume": 5, "sell_volume": 5, "vpin": 0.5},
    ]


def test_an_answer_says_how_it_was_made() -> None:
    """Newest and oldest input, trades, method, and every parameter that counts; the others are null."""
    answer = measured(bucket_volume=10, trades=[TRADE, TRADE | {"ts_event": 9}])

    assert {name: value for name, value in answer.items() if name != "buckets"} == {
        "ts_event": 9,
        "as_of_oldest": 9,
        "n_observations": 2,
        "method": "vpin",
        "parameters": {
            "classification": "reported",
            "bucket_volume": 10,
            "n_buckets": 50,
            "size_increment": 1,
            "multiplier": 1,
            "quote_lag_seconds": None,
            "bar_seconds": None,
            "sigma_rule": None,
            "sigma": None,
            "ts_end": None,
            "degrees_of_freedom": None,
        },
    }


def test_bulk_volume_is_split_as_worked_by_hand() -> None:
    """The printed vector: four bars; the last counts as closed unless it was not watched to its end."""
    vector = reference.vector("bulk_normal")
    trades = [
        {"ts_event": 60 * SECOND * place, "price": price, "size": size}
        for place, (price, size) in enumerate(zip(vector["prices"], vector["sizes"], strict=True))
    ]
    request = {
        "bucket_volume": vector["bucket_volume"],
        "n_buckets": 2,
        "classification": "bulk_normal",
        "bar_seconds": 60,
        "sigma": vector["sigma"],
        "trades": trades,
    }
    answer = measured(**request)

    assert [bucket["ts_event"] for bucket in answer["buckets"]] == [180 * SECOND, 240 * SECOND]
    assert [bucket["buy_volume"] for bucket in answer["buckets"]] == pytest.approx(vector["buys"], abs=5e-7)
    assert [bucket["sell_volume"] for bucket in answer["buckets"]] == pytest.approx(vector["sells"], abs=5e-7)
    assert answer["buckets"][1]["vpin"] == pytest.approx(vector["vpin"][1], abs=5e-10)
    parameters = answer["parameters"]
    assert (parameters["sigma_rule"], parameters["sigma"], parameters["ts_end"]) == (
        "fixed",
        vector["sigma"],
        240 * SECOND,
    )
    assert len(measured(**request, ts_end=180 * SECOND)["buckets"]) == 1


@pytest.mark.parametrize(
    ("sizes", "bucket_volume", "increment"),
    [
        ([0.1, 0.2, 0.7], 0.5, 0.1),
        ([0.3, 0.25], 0.05, 0.01),
        ([0.000_000_001], 1e-9, 1e-9),
        ([3, 4], 0.5, 0.1),
    ],
)
def test_sizes_are_counted_in_the_largest_decimal_step(
    sizes: list[float], bucket_volume: float, increment: float
) -> None:
    """Exactly: a tenth is a tenth, and nothing is lost at the edge of a bucket."""
    trades = [TRADE | {"size": size} for size in sizes]
    answer = measured(bucket_volume=bucket_volume, n_buckets=1, trades=trades)

    assert answer["parameters"]["size_increment"] == increment
    assert len(answer["buckets"]) == round(sum(sizes) / bucket_volume - 1e-9)
    assert {bucket["buy_volume"] for bucket in answer["buckets"]} == {bucket_volume}
    assert {bucket["vpin"] for bucket in answer["buckets"]} == {1.0}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A random session, with quotes, in natural units; and how it is measured."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = int(generator.integers(1, 200))
    times = flows.START + np.cumsum(generator.choice([0, 1_000_000, 7 * SECOND, 61 * SECOND], n))
    prices = 100.0 + np.cumsum(generator.integers(-1, 2, n)) * 0.25
    sizes = generator.integers(0, 40, n) / 10
    middle = prices + generator.choice([-0.25, 0.0, 0.25], n)
    return {
        "classification": draw(
            st.sampled_from(["reported", "lee_ready", "tick_rule", "bulk_normal", "bulk_student_t"])
        ),
        "sigma_rule": draw(st.sampled_from([None, "expanding", "ewma", "rolling"])),
        "sigma_window_bars": 3,
        "bucket_volume": float(draw(st.sampled_from([0.7, 5.0, 12.3]))),
        "n_buckets": draw(st.integers(1, 4)),
        "bar_seconds": 5.0,
        "quote_lag_seconds": draw(st.sampled_from([0.0, 3.0])),
        "size_increment": 0.1,
        "multiplier": 50.0,
        "figures": ["kyle_lambda", "amihud_illiquidity"],
        "trades": {
            "ts_event": times.tolist(),
            "price": prices.tolist(),
            "size": sizes.tolist(),
            "aggressor_side": generator.choice([-1, 0, 1], n, p=[0.45, 0.1, 0.45]).tolist(),
        },
        "quotes": {
            "ts_event": (times - generator.integers(0, 2, n)).tolist(),
            "bid_price": (middle - 0.25).tolist(),
            "ask_price": (middle + 0.25).tolist(),
        },
    }


def on_the_bus(request: dict[str, Any], ts_end: int | None) -> list[Any]:
    """Messages that an engine with these settings publishes when the same comes over the bus."""
    names = ("classification", "bucket_volume", "n_buckets", "bar_seconds", "quote_lag_seconds")
    chosen = {name: request[name] for name in (*names, "sigma_window_bars")}
    engine = create(Config(**chosen, sigma_rule=request["sigma_rule"] or "expanding"))
    increment, multiplier = 100_000_000, 50_000_000_000
    instrument = Instrument(instrument_id=ES, size_increment=increment, multiplier=multiplier)
    engine.instruments.add(0, instrument)
    table, quoted = request["trades"], request["quotes"]
    trades = trade_records(
        table["ts_event"],
        np.rint(np.array(table["price"]) * 1e9).astype(np.int64),
        np.rint(np.array(table["size"]) * 10).astype(np.int64),
        table["aggressor_side"],
    )
    bid, ask = (np.rint(np.array(quoted[name]) * 1e9).astype(np.int64) for name in ("bid_price", "ask_price"))
    records = {"trade": trades, "quote": quote_records(np.sort(quoted["ts_event"]), bid, ask, trades)}
    if ts_end is not None:
        records["clock"] = np.array([(2**62, ts_end, ts_end)], CLOCK)
    emitted: list[Any] = engine.on_records(Records(records))
    return [emit.payload for emit in emitted]


@settings(max_examples=40)
@given(request=requests())
def test_what_is_sent_gives_the_bits_of_the_bus(request: dict[str, Any]) -> None:
    """Every classification, sigma rule and lag: the same buckets, and every figure to the last bit."""
    request["quotes"]["ts_event"].sort()
    answer = measured(**request)
    messages = on_the_bus(request, answer["parameters"]["ts_end"])

    assert [
        (bucket["index"], bucket["ts_event"], bucket["buy_volume"], bucket["sell_volume"], bucket["vpin"])
        for bucket in answer["buckets"]
    ] == [
        (told.bucket_index, told.ts_close, told.buy_volume, told.sell_volume, told.vpin) for told in messages
    ]
    assert [bucket["figures"] for bucket in answer["buckets"]] == [
        {"kyle_lambda": told.kyle_lambda, "amihud_illiquidity": told.amihud_illiquidity} for told in messages
    ]


def test_rows_and_columns_are_the_same_request() -> None:
    """And so is the answer, in either of its forms."""
    rows = [TRADE | {"ts_event": place, "size": place % 7} for place in range(1, 300)]
    columns = {name: [row[name] for row in rows] for name in TRADE}
    request: dict[str, Any] = {"bucket_volume": 10, "n_buckets": 2}
    by_row = measured(**request, trades=rows)

    assert measured(**request, trades=columns) == by_row
    packed = post(
        face(), "/v1/vpin", json=request | {"trades": rows}, headers={"accept": "application/msgpack"}
    )
    assert msgspec.msgpack.decode(packed.content) == by_row


GOOD: dict[str, Any] = {"bucket_volume": 10, "n_buckets": 2, "trades": [TRADE, TRADE]}


@pytest.mark.parametrize(
    ("change", "field", "expected", "found", "index"),
    [
        ({"trades": [TRADE, TRADE | {"size": -1}]}, "trades[1].size", "number from 0", "-1", 1),
        ({"trades": [TRADE, TRADE | {"price": "x"}]}, "trades[1].price", "number", '"x"', 1),
        ({"trades": [TRADE, TRADE | {"price": 5e9}]}, "trades[1].price", "number from -4", "5000000000.0", 1),
        ({"trades": [TRADE | {"ts_event": 2}, TRADE]}, "trades[1].ts_event", "at least 2", "1", 1),
        ({"trades": [TRADE | {"ts_event": 2.5}]}, "trades[0].ts_event", "whole number", "2.5", 0),
        ({"trades": [TRADE | {"ts_event": 2**62}]}, "trades[0].ts_event", "whole number", str(2**62), 0),
        ({"ts_end": 2**62}, "ts_end", "whole number", str(2**62), None),
        ({"trades": [TRADE | {"aggressor_side": 2}]}, "trades[0].aggressor_side", "`-1`, `0`, `1`", "2", 0),
        (
            {"trades": [TRADE, {"ts_event": 1, "price": 1, "size": 1}]},
            "trades[1].aggressor_side",
            "a side, with `reported`",
            "nothing",
            1,
        ),
        (
            {"trades": {"ts_event": [1, 2], "price": [1, 2], "size": [1]}},
            "trades.size",
            "2 elements",
            "1",
            None,
        ),
        (
            {"trades": {"ts_event": [2, 1], "price": [1, 2], "size": [1, 1], "aggressor_side": [1, 1]}},
            "trades.ts_event[1]",
            "at least 2",
            "1",
            1,
        ),
        ({"trades": []}, "trades", "1 to 200000 rows", "0", None),
        (
            {"trades": [TRADE | {"size": 1 / 3}]},
            "trades[0].size",
            "a whole number of steps of 1e-09",
            "0.333",
            0,
        ),
        ({"trades": [TRADE | {"size": 0.5}], "size_increment": 1}, "trades[0].size", "steps of 1,", "0.5", 0),
        ({"bucket_volume": 10 / 3}, "bucket_volume", "a whole number of steps of 1e-09", "3.3333333", None),
        ({"bucket_volume": 0}, "bucket_volume", "number above 0", "0", None),
        ({"bucket_volume": 0.0001}, "bucket_volume", "at most 65536 buckets", "0.0001", None),
        ({"bucket_volume": "adv"}, "bucket_volume", "number above 0", '"adv"', None),
        ({"size_increment": 1e-10}, "size_increment", "number from 1e-09", "1e-10", None),
        ({"size_increment": 1.5e-9}, "size_increment", "a whole number of 1e-09", "1.5e-09", None),
        ({"n_buckets": 0}, "n_buckets", "whole number from 1 to 10000", "0", None),
        ({"classification": "guess"}, "classification", "`bulk_normal`, ", '"guess"', None),
        ({"classification": "lee_ready"}, "quotes", "quotes, with `lee_ready`", "nothing", None),
        ({"classification": "lee_ready", "quotes": []}, "quotes", "1 to 200000 rows", "0", None),
        (
            {"classification": "lee_ready", "quotes": [{"ts_event": 1, "bid_price": 1}]},
            "quotes[0].ask_price",
            "number",
            "nothing",
            0,
        ),
        ({"sigma": -1}, "sigma", "number above 0", "-1", None),
        ({"sigma_rule": "fixed"}, "sigma", "a number above 0 with `sigma_rule` fixed", "None", None),
        ({"figures": ["vpin", "beta"]}, "figures[1]", "one of `vpin`", "beta", 1),
        ({"bucket_volumes": 10}, "bucket_volumes", "a field of `trades`", "`bucket_volumes`", None),
    ],
)
def test_a_wrong_request_is_refused_whole(
    change: dict[str, Any], field: str, expected: str, found: str, index: int | None
) -> None:
    """The value at fault is named with its place, what was expected and what was found."""
    (error,) = errors("/v1/vpin", GOOD | change)

    assert (error["field"], error["index"]) == (field, index)
    assert expected in error["expected"]
    assert error["found"].startswith(found)


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"bucket_volume": 1, "n_buckets": 10_000}, "n_buckets", "at most 3333,"),
        (
            {"classification": "bulk_normal", "sigma_rule": "rolling", "sigma_window_bars": 100_000},
            "sigma_window_bars",
            "at most 3333,",
        ),
    ],
)
def test_a_window_that_takes_long_is_refused(change: dict[str, Any], field: str, expected: str) -> None:
    """Other requests wait for this one, so what it may cost is bounded."""
    trades = {name: [value] * 60_000 for name, value in (TRADE | {"size": 1}).items()}
    (error,) = errors("/v1/vpin", {"bucket_volume": 1_000, "trades": trades} | change)

    assert error["field"] == field
    assert error["expected"].startswith(expected)


def test_the_latest_time_is_one() -> None:
    """The bar around it ends in time, whatever its length."""
    latest = {"ts_event": 4_600_000_000_000_000_000, "price": 1, "size": 10}
    for bar_seconds in (1e-6, 60, 86_400):
        request = {"bucket_volume": 10, "classification": "bulk_normal", "bar_seconds": bar_seconds}
        assert len(measured(**request, trades=[latest])["buckets"]) == 1


def test_a_request_without_trades_is_refused() -> None:
    """What is required is named."""
    (error,) = errors("/v1/vpin", {"bucket_volume": 10})

    assert (error["field"], error["found"]) == ("trades", "nothing")
