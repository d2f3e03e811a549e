"""The doctor: what is well, what is wrong, and how to mend it."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from knotmeter import machine
from knotmeter.machine import CHECKS, Finding, State, examine
from tests.knotmeter.conftest import Knotmeter

pytestmark = pytest.mark.usefixtures("toys")


def of(check: Iterator[Finding], name: str) -> Finding:
    """One finding of a check."""
    return next(finding for finding in check if finding.name == name)


def test_a_machine_that_runs_these_tests_has_no_problem(knotmeter: Knotmeter) -> None:
    """One line for each thing, and status 0."""
    done = knotmeter("doctor")

    assert (done.status, done.error) == (0, ""), done.out
    assert all(line.startswith(("ok ", "warning ", " " * 24)) for line in done.out.splitlines()[:-1])
    assert done.out.splitlines()[-1].endswith("0 with a problem")
    for name in ("python", "pyarrow", "cache", "time zones", "processors", "memory", "disk here", "clock"):
        assert f"  {name} " in done.out


def test_a_problem_is_status_1_and_says_how_to_mend_it(
    knotmeter: Knotmeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting in the environment that is wrong is such a problem."""
    monkeypatch.setenv("KNOTMETER_ASKER__PATIENCE", "none")
    done = knotmeter("doctor")

    assert done.status == 1
    assert "problem   settings" in done.out
    assert "`asker.patience`" in done.out
    assert "Correct or unset these variables." in done.out
    assert done.out.splitlines()[-1].endswith("1 with a problem")


def test_a_library_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and the others are still looked at."""
    load = importlib.import_module

    def without_scipy(name: str) -> ModuleType:
        if name == "scipy":
            message = "No module named 'scipy'"
            raise ImportError(message)
        return load(name)

    monkeypatch.setattr(importlib, "import_module", without_scipy)
    found = {finding.name: finding.state for finding in machine.libraries()}

    assert found.pop("scipy") is State.PROBLEM
    assert set(found.values()) == {State.OK}


@pytest.mark.parametrize(
    ("free", "state"), [(1 << 40, State.OK), (1 << 29, State.WARNING), (1 << 20, State.PROBLEM)]
)
def test_little_room_is_a_warning_and_none_a_problem(
    monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    """For the folder here and for temporary files."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))

    assert {finding.state for finding in machine.disks()} == {state}


def test_a_clock_that_goes_back_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one of another age a warning."""
    readings = iter(range(1_000, 0, -1))
    monkeypatch.setattr(machine, "monotonic_ns", lambda: next(readings))
    monkeypatch.setattr(machine, "wall_ns", lambda: 0)
    found = list(machine.clock())

    assert [finding.state for finding in found] == [State.PROBLEM, State.WARNING]
    assert "1970-01-01" in found[1].found


def test_a_narrow_terminal_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables fold below 80 columns."""
    monkeypatch.setenv("COLUMNS", "60")

    assert of(machine.terminal(), "terminal").state is State.WARNING


def test_a_folder_for_compiled_kernels_that_nobody_may_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, but slowly: a warning that names the variable to set."""
    monkeypatch.setattr(machine, "_writable", lambda _folder: False)
    finding = of(machine.compiler(), "cache")

    assert finding.state is State.WARNING
    assert "NUMBA_CACHE_DIR" in finding.mend


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on."""

    def broken() -> Iterator[Finding]:
        message = "no such thing"
        raise OSError(message)

    checks: dict[str, Any] = {"broken": broken, "python": CHECKS["python"]}
    monkeypatch.setattr(machine, "CHECKS", checks)
    found = list(examine())

    assert [finding.state for finding in found] == [State.PROBLEM, State.OK]
    assert found[0].found == "OSError: no such thing"


def test_every_problem_can_be_mended() -> None:
    """No finding that is not well comes without advice."""
    assert all(finding.mend or finding.state is State.OK for finding in examine())
