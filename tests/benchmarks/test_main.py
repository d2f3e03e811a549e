"""The command: what can be asked, and how a wrong question is answered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks.answers import equal_within
from benchmarks.bench import Bench
from tests.benchmarks.scripted import Scripted


def test_questions_are_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Every module that asks a question is listed with it; the harness is not."""
    assert command.main(["--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]

    assert "vpin" in names
    assert not {"harness", "report", "bench", "peer", "__main__"} & set(names)


def test_unknown_questions_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that nobody asks is answered with those that exist."""
    assert command.main(["vpin", "speed"]) == 2
    assert "expected some of" in (told := capsys.readouterr().err)
    assert told.endswith("got speed\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--pairs", "6"], "expected a whole number of at least 7, got 6"),
        (["--pairs", "many"], "expected a whole number of at least 7, got many"),
        (["--data", "nowhere"], "expected a folder, found none at nowhere"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An argument outside its range says what was expected and what came."""
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert problem in capsys.readouterr().err


def test_a_wrong_answer_ends_in_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run goes on past a wrong answer, prints no rate for it, and ends with status 1."""

    def run(bench: Bench) -> None:
        for value in (2.0, 1.0):
            bench.compare(
                f"is it {value}?",
                Scripted("ours", [1]),
                Scripted("other", [1], (value,)),
                units=1,
                unit="step",
                check=equal_within(0.0),
                answer="the value",
            )

    monkeypatch.setattr(command, "questions", lambda: {"toy": SimpleNamespace(QUESTION="?", run=run)})

    assert command.main(["--self-check"]) == 1
    printed = capsys.readouterr().out
    assert "is it 2.0?\n  WRONG ANSWER, so no rate: `value[0]`" in printed
    assert "is it 1.0?\n  ns per step" in printed
