"""Following a bus: lines for people and programs, and what becomes of garbage and lost servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from bus import codec, frames
from bus.envelope import AnyEvent, Cause, Event
from bus.messages.control import DeadLetter, Watermark
from bus.messages.toxicity import Toxicity
from bus.records import KINDS, Records
from bus.topics import Bus
from knotmeter.cli import bus_follower
from knotmeter.cli.bus_follower import Entry, Follower
from knotmeter.cli.event_line import EventLines
from knotmeter.cli.market_line import MarketLines
from knotmeter.cli.tail_line import Line, Wanted
from knotmeter.fleet.folder import FleetError
from shared.instruments import Instrument, to_records

START = 1_381_239_000_250_000_000
"""13:30 and a quarter of a second, UTC, on 8 October 2013."""

ES = Instrument(instrument_id="ES.XCME", size_increment=100_000_000)


def market(*arrays: tuple[str, Any], epoch: int = 1) -> Entry:
    """An entry with one frame of these arrays."""
    records = Records(dict(arrays))
    fields = frames.encode(records, epoch=epoch, watermark=0, ts_publish=0)
    plain = {name: bytes(data) for name, data in fields.items()}
    return Entry(f"{epoch}-{records.last_sequence}", plain)


def stamped(kind: str, *sequences: int, **fields: Any) -> tuple[str, Any]:
    """Records of a kind with these sequences, a second apart."""
    array = np.zeros(len(sequences), KINDS[kind])
    array["sequence"] = sequences
    array["ts_event"] = array["ts_init"] = [START + 10**9 * (number - 1) for number in sequences]
    for name, value in fields.items():
        array[name] = value
    return kind, array


def definitions(sequence: int = 1) -> tuple[str, Any]:
    """The definition of ES, in row 0."""
    array = to_records([ES], 0, START)
    array["sequence"] = sequence
    return "instrument", array


def event(sequence: int, payload: msgspec.Struct, message_type: str = "toxicity") -> Entry:
    """An entry with an event."""
    made: AnyEvent = Event(
        type=message_type,
        version=1,
        source="vpin",
        epoch=1,
        sequence=sequence,
        ts_event=START,
        ts_publish=START + 5,
        trace=7,
        cause=Cause("md", 7),
        payload=payload,
    )
    return Entry(f"17-{sequence}", {"e": codec.encode(made)})


def toxicity(instrument_id: str = "ES.XCME") -> Toxicity:
    """A bucket of a warming window."""
    known: dict[str, Any] = {
        "instrument_id": instrument_id,
        "bucket_index": 3,
        "ts_open": START - 10,
        "ts_close": START,
        "vpin": 0.2406841234,
        "buy_volume": 6.0,
        "sell_volume": 4.0,
        "unclassified_volume": 0.0,
        "bucket_volume": 10.0,
        "signed_imbalance": 2.0,
        "n_trades": 4,
        "classification": "reported",
        "n_buckets": 2,
        "n_observations": 2,
        "reasons": {"level": "warming_up"},
    }
    missing: dict[str, Any] = dict.fromkeys(Toxicity.__struct_fields__)
    return Toxicity(**missing | known)


def texts(lines: list[Line]) -> list[str]:
    """What people see."""
    return [line.text for line in lines]


def flow() -> Entry:
    """A frame with a record of each kind but the clock."""
    prices = {"open": 10**9, "high": 4 * 10**9, "low": 0, "close": 2 * 10**9}
    bar = stamped("bar", 5, **prices, volume=60, n_trades=2, step=60 * 10**9, basis=1, origin=1)
    sides = {"bid_price": 1680 * 10**9, "ask_price": 1_680_250_000_000, "bid_size": 5, "ask_size": 70}
    trades = {"price": 1_680_250_000_000, "size": 30, "side_origin": 1}
    return market(
        definitions(),
        stamped("quote", 2, **sides),
        stamped("trade", 3, 4, **trades, aggressor_side=[1, -1], flags=[0, 1]),
        bar,
    )


def test_records_are_told_in_natural_units() -> None:
    """Prices and sizes as people write them, instruments by their ids, in the order of the flow."""
    assert texts(list(MarketLines(Wanted(), {}).of(flow()))) == [
        "2013-10-08 13:30:00.250000 instrument ES.XCME price increment 0.01, size 0.1, USD, UTC",
        "2013-10-08 13:30:01.250000 quote      ES.XCME 1680 × 0.5 / 1680.25 × 7",
        "2013-10-08 13:30:02.250000 trade      ES.XCME 1680.25 × 3 buyer",
        "2013-10-08 13:30:03.250000 trade      ES.XCME 1680.25 × 3 seller suspicious",
        "2013-10-08 13:30:04.250000 bar        ES.XCME 60 s: 1 4 0 2, volume 6, 2 trades",
    ]


def test_records_are_told_to_programs() -> None:
    """With where they stand, times in ns, and words for what is a number on the wire."""
    lines = list(MarketLines(Wanted(types=frozenset({"trade", "bar"})), {}).of(flow()))

    assert json.loads(msgspec.json.encode(lines[1].content)) == {
        "bus": "md",
        "entry": "1-5",
        "type": "trade",
        "epoch": 1,
        "sequence": 4,
        "ts_event": START + 3 * 10**9,
        "ts_init": START + 3 * 10**9,
        "price": 1680.25,
        "size": 3.0,
        "aggressor_side": -1,
        "side_origin": "reported",
        "instrument_id": "ES.XCME",
        "flags": ["suspicious"],
    }
    bar = lines[2].content
    assert (bar["basis"], bar["origin"], bar["volume"], bar["high"]) == ("time", "made", 6.0, 4.0)


def test_a_row_that_nobody_defined_is_not_guessed() -> None:
    """The instrument and what is counted in its size are missing; definitions of before are taken over."""
    entry = market(stamped("trade", 9, price=10**9, size=3))
    (line,) = MarketLines(Wanted(), {}).of(entry)
    (known,) = MarketLines(Wanted(), {0: ES}).of(entry)

    assert (line.content["instrument_id"], line.content["size"]) == (None, None)
    assert line.text.endswith("trade      – 1 × – no side")
    assert (known.content["instrument_id"], known.content["size"]) == ("ES.XCME", 0.3)


def test_an_odd_record_is_shown_as_it_is() -> None:
    """Numbers that stand for nothing, and a name that is no text, end nothing."""
    kind, array = definitions()
    array["instrument_id"] = b"\xff.X"
    odd = {"aggressor_side": 5, "side_origin": 9, "size": -3}
    lines = list(MarketLines(Wanted(), {}).of(market((kind, array), stamped("trade", 2, **odd))))

    assert lines[0].content["instrument_id"] == "\ufffd.X"
    assert (lines[1].content["side_origin"], lines[1].text[-8:]) == (9, "odd side")


def test_a_record_is_shown_once() -> None:
    """A frame that is sent anew may begin before the last one's end; an older epoch is past."""
    lines = MarketLines(Wanted(), {0: ES})
    first = list(lines.of(market(stamped("trade", 1, 2, 3))))
    again = list(lines.of(market(stamped("trade", 2, 3, 4))))
    later = list(lines.of(market(stamped("trade", 1), epoch=2)))
    older = list(lines.of(market(stamped("trade", 9))))

    assert [len(shown) for shown in (first, again, later, older)] == [3, 1, 1, 0]


def test_records_are_chosen_by_kind_and_instrument() -> None:
    """The clock is shown if it is asked for, and is about no instrument."""
    entry = market(definitions(), stamped("trade", 2, 3, instrument=[0, 7]), stamped("clock", 4))

    def kinds(**wanted: Any) -> list[str]:
        return [line.content["type"] for line in MarketLines(Wanted(**wanted), {}).of(entry)]

    assert kinds() == ["instrument", "trade", "trade"]
    assert kinds(types=frozenset({"clock"})) == ["clock"]
    assert kinds(instrument="ES.XCME") == ["instrument", "trade"]
    assert kinds(instrument="ES.XCME", types=frozenset({"clock", "trade"})) == ["trade"]
    assert kinds(instrument="NQ.XCME") == []


def test_what_was_dropped_unread_is_told() -> None:
    """Nothing is passed over silently, whatever is asked for; an event of another epoch begins anew."""
    market_lines = MarketLines(Wanted(instrument="NQ.XCME"), {0: ES})
    flow_texts = [
        line.text
        for numbers in ((5, 6), (7,), (11, 12))
        for line in market_lines.of(market(stamped("trade", *numbers)))
    ]
    assert flow_texts == ["missed 3 messages of md, 8 to 10: dropped before they were read"]

    event_lines = EventLines(Wanted(types=frozenset({"gap"})))
    shown = [line for number in (4, 5, 8) for line in event_lines.of(event(number, toxicity()))]
    assert [line.content["missed"] for line in shown] == [[6, 7]]


def test_events_are_told() -> None:
    """Source, instrument and every figure that is known; to programs all of it."""
    (line,) = EventLines(Wanted()).of(event(4, toxicity()))

    assert line.text.startswith(
        "2013-10-08 13:30:00.250000 toxicity   vpin ES.XCME bucket_index=3 vpin=0.240684 buy_volume=6 "
    )
    assert line.text.endswith('n_observations=2 reasons={"level":"warming_up"}')
    assert "level=" not in line.text
    told = json.loads(msgspec.json.encode(line.content))
    assert (told["entry"], told["sequence"], told["cause"]) == ("17-4", 4, ["md", 7])
    assert (told["payload"]["level"], told["payload"]["ts_close"]) == (None, START)


def test_an_event_is_shown_once() -> None:
    """One that is published again after an outage is known by its identity; operational ones have none."""
    lines = EventLines(Wanted(types=frozenset({"toxicity", "watermark"})))
    entries = [event(number, toxicity()) for number in (1, 2, 2, 1, 3)]
    promises = [event(3, Watermark(watermark=5), "watermark")] * 2

    assert [sum(1 for _ in lines.of(entry)) for entry in entries + promises] == [1, 1, 0, 0, 1, 1, 1]


def test_events_are_chosen_by_type_and_instrument() -> None:
    """What says little more than that time has passed is shown if it is asked for."""
    letter = DeadLetter(
        producer="md",
        producer_epoch=1,
        producer_sequence=1,
        message_type="trade",
        error="no",
        content=b"\x00\xff",
    )
    entries = [
        event(1, toxicity()),
        event(2, toxicity("NQ.XCME")),
        event(2, Watermark(watermark=5), "watermark"),
        event(2, letter, "dead_letter"),
        event(3, letter, "a_type_of_tomorrow"),
    ]

    def types(**wanted: Any) -> list[str]:
        lines = EventLines(Wanted(**wanted))
        return [line.content["type"] for entry in entries for line in lines.of(entry)]

    assert types() == ["toxicity", "toxicity", "dead_letter", "a_type_of_tomorrow"]
    assert types(instrument="NQ.XCME") == ["toxicity"]
    assert types(types=frozenset({"watermark"})) == ["watermark"]


@pytest.mark.parametrize(
    ("bus", "fields"),
    [
        (Bus.MARKET_DATA, {"h": b"short"}),
        (Bus.MARKET_DATA, {"x": b""}),
        (Bus.ENGINE_LOGIC, {"e": b"\xc1garbage"}),
        (Bus.ENGINE_LOGIC, {"x": b""}),
        (Bus.ENGINE_LOGIC, event(1, Watermark(watermark=1), "toxicity").fields),
        (Bus.ENGINE_LOGIC, {"e": msgspec.msgpack.encode({"type": "x", "payload": 3})}),
    ],
)
def test_garbage_is_shown_as_such(bus: Bus, fields: Mapping[str, bytes]) -> None:
    """One line that names the entry and what was expected, whatever is asked for; nothing ends."""
    wanted = Wanted(types=frozenset({"trade"}), instrument="ES.XCME")
    lines = MarketLines(wanted, {}) if bus is Bus.MARKET_DATA else EventLines(wanted)
    (line,) = lines.of(Entry("5-1", fields))

    assert line.text.startswith(f"garbage in entry 5-1 of {bus}: Expected ")
    assert line.content.keys() == {"bus", "entry", "error"}


class Reader:
    """A connection that gives what a test has prepared, and notes from where it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.places: list[str] = []

    def xread(self, streams: dict[str, str], count: int, block: int) -> Any:
        """The next answer, or the error in its place."""
        assert count
        assert block
        self.places += streams.values()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [[b"logic", [(entry_id.encode(), {b"e": b"x"}) for entry_id in answer]]] if answer else []

    def xinfo_stream(self, name: str) -> dict[str, Any]:
        """Where the stream ends."""
        assert name == "logic"
        return {"length": 9, "last-generated-id": b"9-9"}


def follow(
    monkeypatch: pytest.MonkeyPatch, reader: Reader, *, from_start: bool = False
) -> tuple[list[str], list[str]]:
    """Ids of the entries that a follower gives until the answers are used up, and its complaints."""
    complaints: list[str] = []
    monkeypatch.setattr(bus_follower, "open_reader", lambda _: reader)
    monkeypatch.setattr(bus_follower, "pause", lambda _: None)
    follower = Follower(
        Bus.ENGINE_LOGIC,
        "unix://reader@/nowhere",
        is_over=lambda: not reader.answers,
        complain=complaints.append,
        from_start=from_start,
    )
    return [entry.id for entry in follower.entries()], complaints


def test_a_follower_begins_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next entry, or with the oldest that is kept; then it goes on from entry to entry."""
    reader = Reader(["10-0", "10-1"], [], ["11-0"], [])
    assert follow(monkeypatch, reader) == (["10-0", "10-1", "11-0"], [])
    assert reader.places == ["9-9", "10-1", "10-1", "11-0"]

    reader = Reader(["1-0"], [])
    assert follow(monkeypatch, reader, from_start=True) == (["1-0"], [])
    assert reader.places == ["0-0", "1-0"]


def test_a_follower_survives_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says once that the server is lost and once that it is found, and goes on where it was."""
    lost = [redis.ConnectionError("gone"), redis.BusyLoadingError("loading"), redis.TimeoutError("slow")]
    reader = Reader(["1-0"], *lost, ["2-0"], [])

    entries, complaints = follow(monkeypatch, reader, from_start=True)
    assert entries == ["1-0", "2-0"]
    assert complaints == ["logic is lost and looked for: gone", "logic is found again"]
    assert reader.places[-2:] == ["1-0", "2-0"]


def test_a_follower_ends_with_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is lost because the fleet was stopped is not waited for."""
    assert follow(monkeypatch, Reader(["1-0"], redis.ConnectionError("gone")), from_start=True) == (
        ["1-0"],
        [],
    )


@pytest.mark.parametrize("error", [redis.AuthenticationError("wrong"), redis.ResponseError("NOPERM")])
def test_a_follower_that_is_refused_says_so(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Asking again would change nothing."""
    with pytest.raises(FleetError, match="expected to read logic as the fleet's reader, found: "):
        follow(monkeypatch, Reader(error))
