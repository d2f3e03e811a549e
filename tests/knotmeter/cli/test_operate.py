"""The commands that operate a fleet, on toy faces: what they show, and what a wrong word is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.messages.control import DeadLetter
from shared.face.subject import CommandReceipt, Readiness
from tests.knotmeter.cli.fake_fleet import fake_fleet, toy
from tests.knotmeter.conftest import Done, Knotmeter
from tests.shared.face.faces import LAST, ToySubject

LETTER = DeadLetter(
    producer="md",
    producer_epoch=1,
    producer_sequence=812,
    message_type="trade",
    error="ConstraintError: `size`: expected a number from 0, got -1",
    content=bytes(48),
)

Operate = Callable[..., Done]


@pytest.fixture
def operate(knotmeter: Knotmeter, tmp_path: Path) -> Operate:
    """Runs a command on the fleet of a folder; what it prints fits 80 columns."""

    def run(*arguments: object) -> Done:
        done = knotmeter(*arguments, "--folder", tmp_path / "f")
        if "--json" not in arguments:
            lines = [line for line in done.out.splitlines() if str(tmp_path) not in line]
            assert max(map(len, lines), default=0) <= 80, done.out
        return done

    return run


def refused(name: str, error: str) -> CommandReceipt:
    """A receipt of a command that was not applied."""
    return CommandReceipt(
        source=f"{name}.face", epoch=1, sequence=5, ts_event=LAST, outcome="refused", error=error
    )


def with_letters(name: str) -> ToySubject:
    """A process that has set three inputs aside, the last of them a redrive."""
    subject = toy(name)
    failed = DeadLetter(
        producer=f"{name}.face",
        producer_epoch=1,
        producer_sequence=1,
        message_type="command",
        error="ValueError: no",
        content=b"",
        redriven_from=812,
    )
    subject.letters = {0: LETTER, 1: LETTER, 2: failed}
    subject.runtime.n_dead_letters = 3
    return subject


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("top", "--once"),
        ("tail", "md"),
        ("dead-letters", "list"),
        ("dead-letters", "redrive", "x", "1"),
        ("halt",),
        ("resume",),
    ],
)
def test_no_fleet_is_told(operate: Operate, command: tuple[str, ...]) -> None:
    """One sentence: what was expected, where, and how to start one; status 2."""
    done = operate(*command)

    assert (done.status, done.out) == (2, "")
    assert done.error.startswith("knotmeter: `--folder`: expected a running fleet in ")
    assert done.error.endswith("found none; start one with `knotmeter up`, or name its folder\n")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("top", "--interval", "0"), "argument --interval: expected 0.1 to 3600 seconds, found '0'"),
        (("top", "--interval", "nan"), "argument --interval: expected 0.1 to 3600 seconds, found 'nan'"),
        (("tail", "mb"), "argument BUS: invalid choice: 'mb'"),
        (("tail", "md", "--count", "0"), "argument --count: expected a whole number from 1, found '0'"),
        (
            ("dead-letters", "list", "--limit", "1001"),
            "argument --limit: expected a whole number from 1 to 1000",
        ),
        (("dead-letters", "redrive", "x", "one"), "argument NUMBER: expected a whole number from 0"),
        (("dead-letters",), "the following arguments are required: ACTION"),
    ],
)
def test_a_wrong_argument_is_told(knotmeter: Knotmeter, command: tuple[str, ...], error: str) -> None:
    """What was expected and found, and where help is; status 2."""
    done = knotmeter(*command)

    assert done.status == 2
    assert error in done.error
    assert done.error.count("\n") == 2


def test_status_shows_every_process(operate: Operate, tmp_path: Path) -> None:
    """One that is down, one that is not ready with its reason, the buses, the recording; status 1."""
    lame = toy("lame")
    lame.standing = Readiness(ready=False, phase="catching_up", reason="looks for md")
    lame.runtime.now = LAST - 2_500_000_000
    with fake_fleet(tmp_path / "f", toy("tally"), lame, down=("gone",)):
        done = operate("status")

    assert (done.status, done.error) == (1, "")
    lines = [line.split() for line in done.out.splitlines() if line.strip()]
    rows = {line[0]: line for line in reversed(lines)}
    assert (rows["tally"][1], rows["tally"][4], rows["tally"][5:7]) == ("ready", "3", ["0", "s"])
    assert (rows["lame"][1:3], rows["lame"][6:8]) == (["catching", "up"], ["2.5", "s"])
    assert (rows["gone"][1], rows["gone"][3:]) == ("down", ["4711", *"––––––"])
    assert (rows["recorder"][1], rows["recorder"][4]) == ("ready", "1,007")
    assert (rows["md"][1], rows["md"][-1]) == ("down", "slow")
    assert "1,000 records, 7 events" in done.out
    assert "lame is catching up: looks for md" in done.out
    assert "gone is down: " in done.out
    assert "the server of md is down: " in done.out


def test_status_speaks_json(operate: Operate, tmp_path: Path) -> None:
    """The same for programs, what is not known as null."""
    with fake_fleet(tmp_path / "f", toy("tally"), down=("gone",)):
        done = operate("status", "--json")

    told = json.loads(done.out)
    assert (done.status, told["ready"], told["mode"]) == (1, False, "replay")
    engines = {process["name"]: process for process in told["processes"]}
    assert (engines["tally"]["n_handled"], engines["tally"]["ready"]) == (3, True)
    assert (engines["gone"]["phase"], engines["gone"]["n_handled"]) == ("down", None)
    assert told["recording"]["n_bytes"] == 2_048
    assert [bus["is_up"] for bus in told["buses"]] == [False, False]


def test_top_shows_one_frame(operate: Operate, tmp_path: Path) -> None:
    """Rates, lags, and each engine's measures against its rungs."""
    subject = toy("tally")
    subject.runtime.recorder.observe_batch(40_000, 10)
    with fake_fleet(tmp_path / "f", subject, down=("gone",)):
        done = operate("top", "--once", "--interval", "0.1")

    assert (done.status, done.error) == (0, "")
    rows = [line.split() for line in done.out.splitlines() if line.startswith("tally")]
    assert rows[0][:4] == ["tally", "ready", "3", "0"]
    assert rows[1][:9] == ["tally", *"–––", "40", "µs", "40", "µs", "1"]
    assert rows[1][-1] == "2"
    assert "rung: 0 baseline, 1 kernel, 2 accelerated, 3 algorithm, 4 ultimate, – none" in done.out


def test_dead_letters_are_listed(operate: Operate, tmp_path: Path) -> None:
    """Of every engine, newest first, each with its reason; of an engine that is down it is said."""
    with fake_fleet(tmp_path / "f", with_letters("tally"), toy("clean"), down=("gone",)):
        done = operate("dead-letters", "list")
        one = operate("dead-letters", "list", "--engine", "tally", "--limit", "1")
        none = operate("dead-letters", "list", "--engine", "clean")
        unknown = operate("dead-letters", "list", "--engine", "taly")

    assert done.status == 1
    assert done.error.startswith("knotmeter dead-letters: GET http://127.0.0.1:")
    text = " ".join(done.out.split())
    assert text.startswith("tally: 3 set aside since the start 2: command 1-1 of tally.face, 0 B")
    assert "1: trade 1-812 of md, 48 B: ConstraintError: `size`: expected a number from 0, got -1" in text
    assert "clean" not in text
    assert (one.status, "\n  2: " in one.out, "\n  1: " in one.out) == (0, True, False)
    assert none == (0, "no dead letters\n", "")
    assert (unknown.status, unknown.error.count("\n")) == (2, 1)
    assert "did you mean `tally`?" in unknown.error


def test_dead_letters_speak_json(operate: Operate, tmp_path: Path) -> None:
    """By engine, as the engines list them."""
    with fake_fleet(tmp_path / "f", with_letters("tally")):
        done = operate("dead-letters", "list", "--json")

    letters = json.loads(done.out)["engines"]["tally"]
    assert letters["n_dead_letters"] == 3
    assert [letter["number"] for letter in letters["dead_letters"]] == [2, 1, 0]


def test_dead_letters_are_tried_again(operate: Operate, tmp_path: Path) -> None:
    """By number, or all that are left; the letter of a redrive that failed is no input."""
    subject = with_letters("tally")
    with fake_fleet(tmp_path / "f", subject):
        one = operate("dead-letters", "redrive", "tally", 1)
        every = operate("dead-letters", "redrive", "tally", "--all")

    assert one == (0, "tally 1: applied as tally.face 4\n", "")
    assert every.out == "tally 0: applied as tally.face 4\n"
    assert [name for name, _ in subject.said] == ["redrive"] * 2


def test_a_redrive_that_fails_is_told(operate: Operate, tmp_path: Path) -> None:
    """Status 1 if the input is refused again, 2 if there is none of the number; the others are tried."""
    subject = with_letters("tally")
    subject.reply = refused("tally", "ValueError: still no")
    with fake_fleet(tmp_path / "f", subject):
        done = operate("dead-letters", "redrive", "tally", 1)
        missing = operate("dead-letters", "redrive", "tally", 9, 1)
        neither = operate("dead-letters", "redrive", "tally")
        both = operate("dead-letters", "redrive", "tally", 1, "--all")
        unknown = operate("dead-letters", "redrive", "taly", 1)

    assert (done.status, missing.status) == (1, 2)
    assert "tally 1: expected a command that can be applied, found `redrive`: ValueError: still no" in (
        " ".join(done.out.split())
    )
    assert "tally 9: expected the number of a dead letter that is kept, found 9" in missing.out
    assert "\ntally 1: " in missing.out
    assert neither == (
        2,
        "",
        "knotmeter: `NUMBER`: expected numbers of dead letters or --all, found neither\n",
    )
    assert both.error.endswith("found both\n")
    assert (unknown.status, unknown.error.count("\n")) == (2, 1)


@pytest.mark.parametrize("order", ["halt", "resume"])
def test_an_order_goes_to_those_who_take_it(operate: Operate, tmp_path: Path, order: str) -> None:
    """And to nobody else; each tells that it has applied it."""
    taker, other = toy("taker", "halt", "resume"), toy("other", "clear")
    with fake_fleet(tmp_path / "f", taker, other):
        done = operate(order)

    assert done == (0, f"taker: {order} applied\n", "")
    assert (taker.said, other.said) == ([(order, {})], [])


def test_an_order_to_those_who_are_named(operate: Operate, tmp_path: Path) -> None:
    """Only they are told; one that does not take it, or that there is not, keeps all from being told."""
    first, second, other = toy("first", "halt"), toy("second", "halt"), toy("other")
    with fake_fleet(tmp_path / "f", first, second, other):
        done = operate("halt", "second")
        wrong = operate("halt", "first", "other")
        unknown = operate("halt", "fist")

    assert done == (0, "second: halt applied\n", "")
    assert wrong == (2, "", "knotmeter: `ENGINE`: expected engines that take `halt`, found other\n")
    assert (unknown.status, unknown.error.count("\n")) == (2, 1)
    assert first.said == []


def test_an_order_that_nobody_takes_is_told(operate: Operate, tmp_path: Path) -> None:
    """Clearly, with the engines that were asked; status 2."""
    with fake_fleet(tmp_path / "f", toy("tally"), toy("other", "clear")):
        done = operate("halt")

    expected = "expected an engine that takes `halt`, found none in this fleet (tally, other); "
    assert done == (2, "", f"knotmeter: {expected}there is nothing to halt\n")


def test_an_order_that_not_all_apply_is_told(operate: Operate, tmp_path: Path) -> None:
    """One refuses and one is down: the others are halted all the same, and the status is 1."""
    willing, stubborn = toy("willing", "halt"), toy("stubborn", "halt")
    stubborn.reply = refused("stubborn", "ValueError: never")
    with fake_fleet(tmp_path / "f", willing, stubborn, down=("gone",)):
        done = operate("halt")

    text = " ".join(done.out.split())
    assert done.status == 1
    assert willing.said == [("halt", {})]
    assert "willing: halt applied" in text
    assert "stubborn: POST" in text
    assert "ValueError: never" in text
    assert "not told, for nobody answers: GET" in text


def test_a_wrong_type_of_message_is_told(operate: Operate, tmp_path: Path) -> None:
    """With those that the bus has, and the nearest."""
    with fake_fleet(tmp_path / "f", toy("tally")):
        market = operate("tail", "md", "--type", "trades")
        logic = operate("tail", "logic", "--type", "trade")

    kinds = "instrument, quote, trade, bar, clock, depth10, book_state"
    expected = f"expected one of {kinds}, found 'trades'; did you mean `trade`?"
    assert market == (2, "", f"knotmeter: `--type`: {expected}\n")
    assert (logic.status, "found 'trade'" in logic.error) == (2, True)
