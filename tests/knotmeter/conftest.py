"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from knotmeter.__main__ import main
from tests.knotmeter import toy_fleet


class Done(NamedTuple):
    """What a command did."""

    status: int
    out: str
    error: str


Knotmeter = Callable[..., Done]
"""Runs one command with these arguments."""


@pytest.fixture
def knotmeter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Knotmeter:
    """The program, in an empty folder and at 80 columns, without settings from the environment."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("KNOTMETER_DEBUG", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy engines in place of the registered ones."""
    toy_fleet.install(monkeypatch)


@pytest.fixture
def trades(knotmeter: Knotmeter, toys: None) -> Path:
    """A file for the toy engines, in the folder the program runs in."""
    assert callable(knotmeter)  # whose folder it is
    assert toys is None
    return toy_fleet.write_file(Path("trades.json"), toy_fleet.N_RECORDS)
