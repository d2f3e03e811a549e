"""The question about reactions: an echo is held against its event, and every stage is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import main
from benchmarks.answers import AnswerError
from benchmarks.echo import ECHO, SPEC, Conversation, Echo, Echoer
from benchmarks.reaction import SETTINGS, EchoProcess
from benchmarks.report import Report
from benchmarks.stages import Stages
from bus import codec
from bus.codec import Codec
from bus.envelope import Cause
from bus.messages.control import Watermark
from bus.topics import TOXICITY
from shared.clock import FixedClock
from shared.outputs import Outputs


@pytest.fixture(params=sorted(SETTINGS))
def process(request: pytest.FixtureRequest) -> Iterator[EchoProcess]:
    """A service around the engine that echoes, in each setting."""
    with closing(EchoProcess(SETTINGS[request.param])) as process:
        yield process


def echoed(sequence: int, **changed: object) -> list[bytes]:
    """What the engine says to the event of a number, and a promise after it."""
    echo = Echo(instrument_id="SAMPLE.SIM", bucket_index=sequence, vpin=0.135064)
    outputs = Outputs(SPEC, FixedClock(9), 1)
    outputs.sequence = sequence - 1
    heard = Codec([TOXICITY]).decode(Conversation().next(promises=False)[0].fields["e"], "test")
    cause = Cause(heard.source, sequence)
    outputs.event(msgspec.structs.replace(echo, **changed), heard.ts_event, sequence, cause)
    outputs.event(Watermark(watermark=heard.ts_event), heard.ts_event, None, None)
    return [bytes(publication.fields["e"]) for publication in outputs.take()]


def test_the_echo_of_an_event_is_its_answer() -> None:
    """The engine's answer is taken, alone or before a promise."""
    conversation = Conversation()
    conversation.next(promises=True)
    echo, promise = echoed(1)

    conversation.check([echo])
    conversation.check([echo, promise])


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ([], r"found \[\]"),
        (echoed(1)[1:], r"found \['watermark'\]"),
        (echoed(1)[::-1], r"found \['watermark', 'echo'\]"),
        (echoed(1, vpin=0.2)[:1], "expected the echo of event 1, found b"),
        (echoed(2)[:1], "expected the echo of event 1, found b"),
    ],
)
def test_another_answer_is_refused(said: list[bytes], problem: str) -> None:
    """Silence, a promise before the answer, another figure and the echo of another event are refused."""
    conversation = Conversation()
    conversation.next(promises=True)

    with pytest.raises(AnswerError, match=problem):
        conversation.check(said)


def test_a_turn_answers_its_event(process: EchoProcess) -> None:
    """An event is answered inside the turn in which it comes, and a turn without one takes less."""
    first, second = process.sample(5, 0.0), process.sample(20, 0.0)

    for sample in (first, second):
        assert 0 < sample.answer[0] <= sample.turn[0]
        assert 0 < sample.empty[0] < sample.turn[0]


def test_stages_are_those_of_a_turn() -> None:
    """Each stage works on every event, and may be asked again."""
    takers = Stages(10).takers()

    assert [name for name in takers if takers[name]() <= 0 or takers[name]() <= 0] == []


def test_the_engine_does_next_to_nothing() -> None:
    """It says of each event that it was heard, and counts it."""
    engine = Echoer()
    entry = Conversation().next(promises=False)[0]
    event = Codec([TOXICITY]).decode(entry.fields["e"], "test")

    (emitted,) = engine.on_toxicity(event)
    assert emitted.payload == Echo(instrument_id="SAMPLE.SIM", bucket_index=1, vpin=0.135064)
    assert engine.state.n_events == 1
    assert codec.decode_envelope(echoed(1)[0], "test").type == ECHO.name


def test_the_self_check_checks_every_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short run finds no wrong answer and keeps within 80 columns."""
    file = tmp_path / "report.json"

    assert main(["reaction", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert report.wrong == []
    assert len(report.findings) == (4 if report.missing else 6) * len(SETTINGS) + 1
    tables = capsys.readouterr().out.split("reaction: on")[1].splitlines()
    assert [line for line in tables if len(line) > 80] == []
