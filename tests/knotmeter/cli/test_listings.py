"""The commands that list what the registry knows, and the one that writes samples: on toy engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.knotmeter.conftest import Knotmeter

pytestmark = pytest.mark.usefixtures("toys")


def test_engines_are_listed_with_all_they_declare(knotmeter: Knotmeter) -> None:
    """Question, inputs with their delay, outputs, targets; within 80 columns."""
    done = knotmeter("engines")

    assert (done.status, done.error) == (0, "")
    for words in ("Did it fall?", "trade, answer (after 0.25 s)", "feeds", "baseline", "unit of work"):
        assert words in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_settings_are_listed_with_type_default_and_meaning(knotmeter: Knotmeter) -> None:
    """Each under the name that --set takes."""
    done = knotmeter("settings")

    assert (done.status, done.error) == (0, "")
    text = " ".join(done.out.split())
    assert "asker.patience whole number from 1; default: 3 Asks that may be open." in text
    assert "source.files" in text


def test_settings_of_one_engine(knotmeter: Knotmeter) -> None:
    """Nothing else is shown."""
    done = knotmeter("settings", "asker")

    assert "asker.temper" in done.out
    assert "source" not in done.out


def test_an_unknown_engine_is_answered_with_the_nearest(knotmeter: Knotmeter) -> None:
    """And with all there are."""
    done = knotmeter("settings", "aksers")

    assert done.status == 2
    assert (
        "`TABLE`: expected one of answerer, asker, source, bus, http, fleet, recorder, found 'aksers'"
        in done.error
    )
    assert "did you mean `asker`?" in done.error


def test_a_sample_is_written_and_can_be_replayed(knotmeter: Knotmeter) -> None:
    """The same arguments give the same bytes."""
    done = knotmeter("sample", "a.json", "--trades", 100, "--seed", 7)
    assert (done.status, done.error) == (0, "")
    assert done.out.startswith("a.json: 100 trades of SAMPLE.SIM, seed 7, ")

    knotmeter("sample", "b.json", "--trades", 100, "--seed", 7)
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert knotmeter("replay", "a.json").status == 0


def test_a_sample_replaces_no_file_by_accident(knotmeter: Knotmeter) -> None:
    """Only --force does."""
    Path("a.json").write_text("mine", "utf-8")
    done = knotmeter("sample", "a.json")
    assert done.status == 2
    assert "`FILE`: expected a new file, found `a.json`" in done.error
    assert Path("a.json").read_text("utf-8") == "mine"

    assert knotmeter("sample", "a.json", "--force").status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trades", "0"], "argument --trades: expected a whole number from 1 to 100000000, found '0'"),
        (["--seed", "-1"], "argument --seed: expected a whole number from 0"),
        ([], "the following arguments are required: FILE"),
    ],
)
def test_a_sample_needs_sensible_numbers(knotmeter: Knotmeter, arguments: list[str], message: str) -> None:
    """Each is told what was expected."""
    done = knotmeter("sample", *(["x.json", *arguments] if arguments else []))

    assert done.status == 2
    assert message in done.error
    assert list(Path.cwd().iterdir()) == []
