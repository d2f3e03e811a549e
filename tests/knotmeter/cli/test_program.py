"""The program around the commands: help, versions, unknown words, faults."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import knotmeter as package
from knotmeter.cli import program
from tests.knotmeter.conftest import Knotmeter

ROOT = Path(package.__file__).resolve().parents[1]


def test_the_version_is_the_project_s(knotmeter: Knotmeter) -> None:
    """One number, in the package and in its metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert knotmeter("--version") == (0, f"knotmeter {project['version']}\n", "")


def test_no_command_shows_what_there_is(knotmeter: Knotmeter) -> None:
    """Status 2, since nothing was done."""
    done = knotmeter()

    assert (done.status, done.out) == (2, "")
    assert all(f"  {name}" in done.error for name in program.COMMANDS)


@pytest.mark.parametrize("name", ["", *program.COMMANDS])
def test_help_fits_80_columns(knotmeter: Knotmeter, name: str) -> None:
    """Every help text says what the command does, with examples, and folds nothing."""
    done = knotmeter(*filter(None, [name]), "--help")

    assert (done.status, done.error) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    if name:
        assert "examples:" in done.out
        summary = (
            importlib.import_module(f"knotmeter.cli.{name.replace('-', '_')}").__doc__ or ""
        ).splitlines()[0]
        assert summary in done.out


@pytest.mark.parametrize(
    ("word", "hint"),
    [("repaly", "; did you mean `replay`?"), ("docter", "; did you mean `doctor`?"), ("xyz", "")],
)
def test_an_unknown_command_is_answered_with_the_nearest(knotmeter: Knotmeter, word: str, hint: str) -> None:
    """Status 2, and where help is."""
    done = knotmeter(word)

    expected = f"knotmeter: unknown command `{word}`{hint}\nSee `knotmeter --help`.\n"
    assert done == (2, "", expected)


def test_an_unknown_option_of_the_program(knotmeter: Knotmeter) -> None:
    """The same holds for options before a command."""
    done = knotmeter("--versoin")

    assert done.status == 2
    assert "did you mean `--version`?" in done.error


def test_the_program_runs_as_a_module() -> None:
    """``python -m knotmeter`` is the program; a reader that goes away is no fault."""
    command = f"{sys.executable} -m knotmeter --help | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stdout.startswith("usage: knotmeter")
    assert "Traceback" not in done.stderr


def test_a_terminal_that_lacks_a_character_gets_the_line() -> None:
    """Under an ASCII terminal output is complete, the odd character replaced."""
    code = "from knotmeter.cli import program, terminal; import sys\n"
    code += "program.run(['--version']); terminal.standard_output().print('5 µs')"
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[1] == "5 ?s", done.stderr
