"""Both clients on a real face: what all processes answer, and what a process declares of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import knotmeter
from bus.messages.control import DeadLetter
from knotmeter import AsyncClient, Client, ClientError, ProblemError
from knotmeter.client.answers import Declaration, Health, Letters, State
from knotmeter.fleet.folder import FleetError, FleetFile, FleetFolder, MemberFile
from shared.face.subject import CommandReceipt, Readiness
from shared.latency import LatencySnapshot
from tests.knotmeter.client.serving import in_both, served
from tests.shared.face.faces import LAST, Count, ToySubject

LETTER = DeadLetter(
    producer="md",
    producer_epoch=1,
    producer_sequence=17,
    message_type="trade",
    error="ConstraintError: `size`: expected 0 or more, got -1",
    content=b"\x00\xff" * 4,
)


@pytest.fixture
def subject() -> ToySubject:
    """A toy process that has counted three trades and set one aside."""
    made = ToySubject()
    made.hear(3)
    made.letters = {4: LETTER}
    made.runtime.n_dead_letters = 5
    return made


@pytest.fixture
def url(subject: ToySubject) -> Iterator[str]:
    """Where it answers."""
    with served(subject) as place:
        yield place


def test_what_every_process_answers_is_typed(url: str) -> None:
    """Each answer is a struct; the checker of types knows which."""
    with Client(url) as client:
        engine = client.engine()
        health: Health = engine.health()
        readiness: Readiness = engine.ready()
        spec: Declaration = engine.spec()
        state: State = engine.state(summary=False)
        latency: LatencySnapshot = engine.latency()
        letters: Letters = engine.dead_letters(limit=1)
        metrics: str = engine.metrics()

    assert (health.status, readiness.phase, spec.question) == (
        "alive",
        "ready",
        "How many trades were there?",
    )
    assert [command.name for command in spec.commands] == ["limit", "clear"]
    assert (state.n_handled, state.now, state.summary) == (3, LAST, None)
    assert state.vitals.n_checkpoints == 3
    assert len(latency.measures) == 3
    assert (letters.n_dead_letters, letters.dead_letters[0].number) == (5, 4)
    assert "knotmeter_tally_trades_total 3.0\n" in metrics


def test_both_clients_answer_alike(url: str) -> None:
    """One writing of every method serves the client that blocks and the one to await."""
    calls: list[tuple[Any, ...]] = [
        (lambda client: client.engine().health(),),
        (lambda client: client.engine().spec(),),
        (lambda client: client.engine().state(summary=True),),
        (lambda client: client.engine().dead_letter(4),),
        (lambda client: client.engine().get("tally", "a", answer=Count),),
        (lambda client: client.engine().command("clear"),),
    ]
    for (call,) in calls:
        blocking, awaiting = in_both(call, call, url)
        assert blocking == awaiting


def test_a_process_that_is_not_ready_is_an_answer(subject: ToySubject, url: str) -> None:
    """Status 503 of /ready says so; it is no error."""
    subject.standing = Readiness(ready=False, phase="recovering", reason="looks for md")
    with Client(url) as client:
        assert client.engine().ready() == subject.standing


def test_a_letter_has_its_bytes(url: str) -> None:
    """As they were read off the bus."""
    with Client(url) as client:
        assert client.engine().dead_letter(4).content == LETTER.content


def test_commands_are_answered_with_their_receipts(subject: ToySubject, url: str) -> None:
    """Arguments arrive as they were given, and a redrive is a command too."""
    with Client(url) as client:
        receipt: CommandReceipt = client.engine().command("limit", most=3)
        client.engine().redrive(4)

    assert receipt.outcome == "applied"
    assert subject.said[0] == ("limit", {"most": 3})
    assert subject.said[1][0] == "redrive"


def test_a_refused_command_has_its_receipt(subject: ToySubject, url: str) -> None:
    """The error carries the problem's members, and its text says what was expected and found."""
    subject.reply = CommandReceipt(
        source="tally.face", epoch=1, sequence=5, ts_event=LAST, outcome="refused", error="ValueError: no"
    )
    with Client(url) as client, pytest.raises(ProblemError) as caught:
        client.engine().command("clear")

    error = caught.value
    assert (error.status, error.title, error.instance) == (409, "Conflict", "/v1/commands/clear")
    assert error.receipt == subject.reply
    assert error.type == "about:blank"
    assert "expected a command that can be applied, found `clear`: ValueError: no" in str(error)


def test_a_wrong_value_is_named_with_its_place(url: str) -> None:
    """Field, expectation, found value and index of each."""
    with Client(url) as client, pytest.raises(ProblemError) as caught:
        client.engine().post("sum", numbers=[1.0, -2.0])

    (problem,) = caught.value.errors
    assert (problem.field, problem.expected, problem.found, problem.index) == (
        "numbers[1]",
        "number from 0",
        "-2.0",
        1,
    )


def test_an_engine_s_own_routes_are_methods(url: str) -> None:
    """They and the types of their answers are taken from what the process declares."""
    with Client(url) as client:
        tally = client.tally
        everything = tally.tally(scale=2)
        one = tally.tally("a")
        total = tally.sum(numbers=np.array([1.0, 2.5]))
        paths = [str(route) for route in tally.routes()]

    assert isinstance(everything, msgspec.Struct)
    assert (everything.name, everything.n_trades) == ("all", 6)  # type: ignore[attr-defined]
    assert (one.name, one.n_trades) == ("a", 3)
    assert total.total == 3.5
    assert {"GET /v1/tally", "GET /v1/tally/{name}", "POST /v1/sum"} <= set(paths)


def test_they_can_be_awaited(url: str) -> None:
    """The same names, in the other client."""

    async def run() -> tuple[Any, Any]:
        async with AsyncClient(url) as client:
            return await asyncio.gather(client.tally.tally("b"), client.tally.sum(numbers=(1, 2)))

    one, total = asyncio.run(run())
    assert (one.name, total.total) == ("b", 3.0)


def test_paths_and_types_can_be_given(url: str) -> None:
    """A path by its segments, an answer of a type of one's own; parameters that are None are left out."""
    with Client(url) as client:
        engine = client.engine()
        assert engine.get("tally", scale=None) == engine.tally()
        assert engine.get("tally", "a", answer=Count) == Count("a", 3)
        assert engine.get("tally", answer=dict[str, Any]) == {"name": "all", "n_trades": 3}
        assert engine.post("sum", numbers=[1.5]).total == 1.5


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("taly", (), "`taly`; did you mean `tally`?"),
        ("compute", (), r"`/v1/tally`"),
        ("tally", ("a", "b"), r"`tally\.tally`: expected .* in its path.*, found 2"),
    ],
)
def test_a_route_that_there_is_not_is_told(url: str, name: str, values: tuple[str, ...], found: str) -> None:
    """Before anything is asked, with the names that there are."""
    with Client(url) as client, pytest.raises(ClientError, match=found):
        getattr(client.tally, name)(*values)


def test_another_engine_at_an_address_is_told(url: str) -> None:
    """A fleet's file that is out of date does not lead to another engine's figures."""
    with (
        Client({"other": url}) as client,
        pytest.raises(ClientError, match=r"expected `other` at .* `tally`"),
    ):
        client.other.tally()


def test_changes_need_the_fleet_s_token(subject: ToySubject, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken from the argument or the environment, and asked for nothing that only reads."""
    monkeypatch.delenv("KNOTMETER_API_TOKEN", raising=False)
    with served(subject, api_token="secret") as place:
        with Client(place) as client:
            assert client.engine().health().status == "alive"
            with pytest.raises(ProblemError, match="401 Unauthorized: expected the header"):
                client.engine().command("clear")
        with Client(place, token="secret") as client:
            assert client.engine().command("clear").outcome == "applied"
        monkeypatch.setenv("KNOTMETER_API_TOKEN", "secret")
        with Client(place) as client:
            assert client.engine().command("clear").outcome == "applied"


def test_engines_go_by_their_names() -> None:
    """An unknown one is answered with those that there are, and the nearest."""
    with Client({"first": "http://127.0.0.1:1", "second": "http://127.0.0.1:2"}) as client:
        assert client.names == ["first", "second"]
        assert client.first is client.engine("first")
        expected = "expected an engine of this fleet: `first`, `second`; found `firss`; did you mean `first`?"
        with pytest.raises(AttributeError, match=rf"^{expected.replace('?', '[?]')}$"):
            _ = client.firss
        with pytest.raises(ClientError, match="found `x`"):
            client.engine("x")
        with pytest.raises(ClientError, match="expected the name of an engine"):
            client.engine()
        with pytest.raises(ClientError, match="found `recorder`"):
            _ = client.recorder
        with pytest.raises(AttributeError, match="has no attribute `_private`"):
            _ = client._private
        with pytest.raises(AttributeError, match="has no attribute `_private`"):
            _ = client.first._private


@pytest.mark.parametrize("url", ["127.0.0.1:8800", "ftp://host", "http://", "http://host:port"])
def test_what_is_no_address_is_told(url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ClientError, match="expected a base URL such as"):
        Client(url)


def test_a_fleet_is_found_by_its_folder(subject: ToySubject, tmp_path: Path) -> None:
    """Addresses and token are those of the fleet's file."""
    folder = FleetFolder(tmp_path / "fleet")
    with pytest.raises(FleetError, match="expected a running fleet in"):
        Client.of_fleet(folder.place)
    with served(subject, api_token="secret") as place:
        host, port = place.removeprefix("http://").split(":")
        member = MemberFile(name="tally", kind="engine", host=host, port=int(port))
        folder.lock()
        try:
            folder.write_fleet(
                FleetFile(
                    pid=1,
                    started_ns=0,
                    mode="replay",
                    members=(member,),
                    buses={},
                    recording="",
                    api_token="secret",
                )
            )
            with Client.of_fleet(folder.place) as client:
                assert client.tally.command("clear").outcome == "applied"
        finally:
            folder.unlock()


def test_the_package_offers_the_client() -> None:
    """Under its own name, imported when it is asked for; anything else is no attribute."""
    assert {"Client", "AsyncClient", "ProblemError"} <= set(knotmeter.__all__)
    with pytest.raises(AttributeError, match="has no attribute `Clientt`"):
        _ = knotmeter.Clientt
