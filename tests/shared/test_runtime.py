"""The runtime: one engine between two buses, without any I/O."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from bus import codec, frames
from bus.envelope import AnyEvent, Cause, Event
from bus.messages.control import Command
from bus.records import END_OF_TIME, Records
from bus.topics import TOPICS, Bus
from bus.transport import Entry, EntryId
from shared.clock import FixedClock
from shared.engine import Emit
from shared.errors import SettingsError
from shared.runtime import Runtime
from shared.wiring import lanes
from tests.fleet import toys
from tests.fleet.flow import input_flow

DECODER = codec.Codec([*TOPICS.values(), toys.ASK, toys.ANSWER])


def make(engine: Any = None) -> Runtime:
    """A runtime around an asker whose answerer is part of the fleet."""
    asker = engine or toys.Asker(None, toys.Counts())
    fleet = [toys.SOURCE, toys.ASKER, toys.ANSWERER]
    return Runtime(toys.ASKER, asker, lanes(toys.ASKER, fleet), FixedClock(), 4096)


def frame(records: Records, epoch: int = 1, watermark: int = END_OF_TIME) -> Entry:
    """The entry of a frame."""
    fields = frames.encode(records, epoch=epoch, watermark=watermark, ts_publish=0)
    return Entry(EntryId(epoch, records.last_sequence), fields)


def message(source: str, sequence: int, payload: msgspec.Struct, kind: str, ts_event: int = 0) -> Entry:
    """The entry of an event."""
    event = Event(
        type=kind,
        version=1,
        source=source,
        epoch=1,
        sequence=sequence,
        ts_event=ts_event,
        ts_publish=0,
        payload=payload,
    )
    return Entry(EntryId(0, sequence), {"e": codec.encode(event)})


def silence(runtime: Runtime) -> None:
    """Let the answerer say that it will say nothing."""
    runtime.inputs.merge.advance("answerer", END_OF_TIME)


def events(runtime: Runtime) -> list[AnyEvent]:
    """What the runtime has said since the last call."""
    return [
        DECODER.decode(item.fields["e"], "test") for item in runtime.take() if item.bus is Bus.ENGINE_LOGIC
    ]


def of_type(found: list[AnyEvent], kind: str) -> list[AnyEvent]:
    """Events of one type."""
    return [event for event in found if event.type == kind]


def corrupted(records: Records, rows: list[int]) -> Records:
    """The flow with negative sizes in some trades."""
    trades = records.trade.copy()
    trades["size"][rows] = -1
    return Records({"instrument": records.instrument, "quote": records.quote, "trade": trades})


def test_outputs_carry_source_number_time_trace_and_cause() -> None:
    """An event names the record it came from and has that record's time."""
    runtime, flow = make(), input_flow(200)
    silence(runtime)
    runtime.receive(Bus.MARKET_DATA, frame(flow))
    runtime.step()
    asks = of_type(events(runtime), "ask")
    times = dict(zip(flow.trade["sequence"].tolist(), flow.trade["ts_init"].tolist(), strict=True))

    assert [event.sequence for event in asks] == list(range(1, len(asks) + 1))
    assert asks
    assert all(event.ts_event == times[event.trace] for event in asks)
    assert all(event.cause == Cause("md", event.trace or 0) for event in asks)


def test_a_bad_record_costs_that_record_alone() -> None:
    """Bad records are found by halving, become dead letters by their sequence, and leave no other trace."""
    flow = input_flow(300)
    bad = [3, 77, 78, 130]
    sequences = flow.trade["sequence"][bad].tolist()
    runtime, clean = make(), make()
    kept = Records({"trade": np.delete(flow.trade, bad), "instrument": flow.instrument})
    silence(runtime)
    silence(clean)
    runtime.receive(Bus.MARKET_DATA, frame(corrupted(flow, bad)))
    clean.inputs.merge.offer_records(kept)
    clean.inputs.merge.advance("", END_OF_TIME)
    runtime.step()
    clean.step()
    found, expected = events(runtime), events(clean)
    letters = of_type(found, "dead_letter")

    assert [letter.payload.producer_sequence for letter in letters] == sequences
    assert all("Expected sizes of 0 or more" in letter.payload.error for letter in letters)
    assert [event.payload for event in of_type(found, "ask")] == [
        event.payload for event in of_type(expected, "ask")
    ]
    assert runtime.status(0).n_dead_letters == len(bad)


def test_the_same_frame_twice_is_handled_once() -> None:
    """Redelivery and overlap change nothing."""
    flow = input_flow(100)
    runtime = make()
    silence(runtime)
    head, tail = flow.split_at_sequence(50)
    for part in (head, head, flow, tail):
        runtime.receive(Bus.MARKET_DATA, frame(part))
    runtime.step()

    assert runtime.engine.state.n_trades == len(flow.trade)
    assert runtime.status(0).n_missing == 0


def test_lost_frames_are_a_counted_gap() -> None:
    """A hole in the sequences is told with its bounds."""
    flow = input_flow(100)
    runtime = make()
    silence(runtime)
    runtime.receive(Bus.MARKET_DATA, frame(flow.split_at_sequence(20)[0]))
    runtime.receive(Bus.MARKET_DATA, frame(flow.split_at_sequence(40)[1]))
    runtime.step()
    (gap,) = of_type(events(runtime), "gap")

    assert (gap.payload.producer, gap.payload.first_sequence, gap.payload.last_sequence) == ("md", 20, 39)
    assert runtime.status(0).n_missing == 20


@pytest.mark.parametrize(
    ("bus", "fields", "expected"),
    [
        (Bus.MARKET_DATA, {"x": b""}, "Expected field `h`"),
        (Bus.MARKET_DATA, {"h": b"short"}, "a header of 64 bytes, got 5 bytes"),
        (Bus.ENGINE_LOGIC, {"e": b"\xc1"}, "Expected an event"),
        (Bus.ENGINE_LOGIC, {}, "Expected an event"),
    ],
)
def test_an_entry_that_cannot_be_read_is_set_aside(bus: Bus, fields: dict[str, bytes], expected: str) -> None:
    """Garbage becomes a dead letter with its place, and the next entry is handled."""
    runtime = make()
    silence(runtime)
    runtime.receive(bus, Entry(EntryId(3, 4), fields))
    runtime.receive(Bus.MARKET_DATA, frame(input_flow(50)))
    runtime.step()
    (letter,) = of_type(events(runtime), "dead_letter")

    assert expected in letter.payload.error
    assert f"{bus} 3-4" in letter.payload.error
    assert runtime.engine.state.n_trades > 0


def test_a_raising_event_handler_costs_its_event_alone() -> None:
    """A refused event becomes a dead letter; the next is handled."""
    runtime = make()
    runtime.inputs.merge.advance("", END_OF_TIME)
    runtime.receive(Bus.ENGINE_LOGIC, message("answerer", 1, toys.Answer(-1, 0), "answer"))
    runtime.receive(Bus.ENGINE_LOGIC, message("answerer", 2, toys.Answer(8, 0), "answer"))
    silence(runtime)
    runtime.step()
    (letter,) = of_type(events(runtime), "dead_letter")

    assert letter.payload.producer == "answerer"
    assert letter.payload.message_type == "answer"
    assert runtime.engine.state.last == 8


def test_commands_reach_only_their_target_and_take_effect() -> None:
    """A command for this engine is obeyed in its place, one for another not heard, an odd one set aside."""
    runtime, flow = make(), input_flow(400)
    silence(runtime)
    middle = int(flow.trade["ts_init"][100])
    entries = [
        message("asker.face", 1, Command(target="asker", name="halt"), "command", middle),
        message("asker.face", 2, Command(target="asker", name="dance"), "command", middle),
        message("other.face", 1, Command(target="other", name="halt"), "command", 0),
    ]
    for entry in entries:
        runtime.receive(Bus.ENGINE_LOGIC, entry)
    runtime.receive(Bus.MARKET_DATA, frame(flow))
    runtime.step()
    found = events(runtime)

    assert runtime.engine.state.halted
    assert max(event.ts_event for event in of_type(found, "ask")) <= middle
    (letter,) = of_type(found, "dead_letter")
    assert "dance" in letter.payload.error


def test_a_dead_letter_can_be_driven_again() -> None:
    """A mended letter is handled as late data; one that fails again says which it was."""
    runtime = make()
    runtime.inputs.merge.advance("", END_OF_TIME)
    runtime.receive(Bus.ENGINE_LOGIC, message("answerer", 1, toys.Answer(-1, 0), "answer"))
    silence(runtime)
    runtime.step()
    (letter,) = runtime.take_letters()
    mended = msgspec.structs.replace(
        letter, content=message("answerer", 1, toys.Answer(5, 0), "answer").fields["e"]
    )
    for sequence, content in ((1, mended), (2, letter)):
        command = Command(
            target="asker", name="redrive", arguments=msgspec.to_builtins(content, builtin_types=(bytes,))
        )
        runtime.receive(Bus.ENGINE_LOGIC, message("asker.face", sequence, command, "command"))
    runtime.step()
    (again,) = runtime.take_letters()

    assert runtime.engine.state.last == 5
    assert again.redriven_from == 1


def test_a_redriven_record_is_handled_late() -> None:
    """A record's letter carries its bytes; driven again it reaches the handler."""
    flow = input_flow(60)
    runtime = make()
    silence(runtime)
    runtime.receive(Bus.MARKET_DATA, frame(corrupted(flow, [5])))
    runtime.step()
    (letter,) = runtime.take_letters()
    record = flow.trade[5:6].tobytes()
    before = runtime.engine.state.n_trades
    arguments = msgspec.to_builtins(msgspec.structs.replace(letter, content=record), builtin_types=(bytes,))
    command = Command(target="asker", name="redrive", arguments=arguments)
    runtime.receive(Bus.ENGINE_LOGIC, message("asker.face", 1, command, "command"))
    runtime.step()

    assert runtime.engine.state.n_trades == before + 1


def test_a_wrong_setting_stops_the_engine() -> None:
    """A settings error is no dead letter: every later result would rest on it."""

    class Misconfigured(toys.Asker):
        def on_records(self, records: Records) -> Any:
            raise SettingsError(["toy.size: expected 1, got 2"])

    runtime = make(Misconfigured(None, toys.Counts()))
    silence(runtime)
    runtime.receive(Bus.MARKET_DATA, frame(input_flow(10)))

    with pytest.raises(SettingsError, match="expected 1, got 2"):
        runtime.step()


def test_an_undeclared_payload_is_a_mistake_of_the_engine() -> None:
    """A payload that the spec does not publish is refused loudly, not set aside."""

    class Undeclared(toys.Asker):
        def on_answer(self, event: Any) -> Any:
            return [Emit(toys.Answer(1, 1))]

    runtime = make(Undeclared(None, toys.Counts()))
    runtime.inputs.merge.advance("", END_OF_TIME)
    runtime.receive(Bus.ENGINE_LOGIC, message("answerer", 1, toys.Answer(1, 0), "answer"))
    silence(runtime)

    with pytest.raises(TypeError, match="declares in `publishes`, got Answer"):
        runtime.step()


def test_watermarks_follow_what_was_handled() -> None:
    """A runtime promises as far as its inputs are complete, and not again what it promised before."""
    runtime, flow = make(), input_flow(100)
    silence(runtime)
    last = flow.last_ts_init
    runtime.receive(Bus.MARKET_DATA, frame(flow, watermark=last - 1))
    runtime.step()
    first = of_type(events(runtime), "watermark")
    runtime.step()

    assert [event.payload.watermark for event in first] == [last - 1]
    assert of_type(events(runtime), "watermark") == []
