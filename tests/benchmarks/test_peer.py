"""Contenders in an environment of their own: the protocol, and what is said when one cannot take part."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import peer
from benchmarks.answers import AnswerError
from benchmarks.harness import MissingError
from benchmarks.peer import SOURCES, STAMP, Peer, interpreter

TASK = """
import numpy as np
DISTRIBUTIONS = ("numpy",)
def prepare(arrays, parameters):
    if parameters["factor"] < 0:
        raise ValueError("a factor below 0")
    return arrays["values"], parameters["factor"]
def work(prepared):
    print("a library that talks")
    values, factor = prepared
    return values * factor
def answer(result):
    return {"product": result}
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of a peer named `toy`, whose environment is the one that runs the tests."""
    (tmp_path / "toy_product.py").write_text(TASK)
    (tmp_path / "worker.py").write_text((SOURCES / "worker.py").read_text("utf-8"))
    monkeypatch.setattr(peer, "SOURCES", tmp_path)
    monkeypatch.setattr(peer, "interpreter", lambda _name, *, install: Path(sys.executable))  # noqa: ARG005
    return tmp_path


@pytest.fixture
def versions() -> dict[str, str]:
    """Where versions are collected."""
    return {}


@pytest.fixture
def toy(sources: Path, versions: dict[str, str]) -> Iterator[Peer]:
    """The toy peer, let go of at the end."""
    assert sources.exists()
    toy = Peer(
        "toy",
        "toy",
        "toy_product",
        {"values": np.array([1.0, 2.0])},
        {"factor": 3.0},
        install=False,
        versions=versions,
    )
    yield toy
    toy.close()


def test_a_worker_answers_and_measures_itself(toy: Peer, versions: dict[str, str]) -> None:
    """Arrays go in and out by file; times are the worker's own; what a library prints is no reply."""
    toy.prepare()

    assert toy.answer()["product"].tolist() == [3.0, 6.0]
    assert toy.run(2) > 0
    assert versions == {"numpy": np.__version__}


def test_preparing_twice_starts_one_worker(toy: Peer) -> None:
    """A peer that takes part in several comparisons is started once."""
    toy.prepare()
    worker = toy._worker
    toy.prepare()

    assert toy._worker is worker


def test_a_worker_that_fails_gives_no_answer(sources: Path, versions: dict[str, str]) -> None:
    """The task's own error comes back with the peer's name and what was asked."""
    assert sources.exists()
    arrays = {"values": np.ones(1)}
    toy = Peer("toy", "toy", "toy_product", arrays, {"factor": -1.0}, install=False, versions=versions)
    with pytest.raises(AnswerError, match="worker of toy failed at `prepare`: ValueError: a factor below 0"):
        toy.prepare()
    toy.close()


def test_a_worker_that_dies_gives_no_answer(toy: Peer) -> None:
    """A worker that is gone is an error, never a rate."""
    toy.prepare()
    assert toy._worker is not None
    toy._worker.kill()
    toy._worker.wait()

    with pytest.raises(AnswerError, match="worker of toy failed at `run`: the worker ended"):
        toy.run(1)


def test_nothing_is_installed_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leave to install, a peer that is not there is missing, with the way to get it."""
    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)

    with pytest.raises(MissingError, match=r"not installed.*benchmarks/peers/wickra\.txt"):
        interpreter("wickra", install=False)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_serves_as_long_as_its_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment made from the same pins is used as it is; from other pins it is not."""
    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)
    stamp = tmp_path / "wickra" / STAMP
    stamp.parent.mkdir()
    pins = (SOURCES / "wickra.txt").read_bytes()
    stamp.write_text(hashlib.sha256(pins + sys.version.encode()).hexdigest())

    assert interpreter("wickra", install=False) == tmp_path / "wickra" / "bin" / "python"
    stamp.write_text(hashlib.sha256(pins + b" " + sys.version.encode()).hexdigest())
    with pytest.raises(MissingError, match="not installed"):
        interpreter("wickra", install=False)


def test_a_failed_install_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says last is the reason, and the unfinished environment is not taken for a finished one."""

    def create(folder: Path, *, clear: bool, with_pip: bool) -> None:
        assert clear
        assert with_pip
        python = folder / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('looking\\nERROR: no such thing')\n")
        python.chmod(0o755)

    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr("venv.create", create)

    for _ in range(2):
        with pytest.raises(MissingError, match=r"benchmarks/peers/wickra\.txt: ERROR: no such thing"):
            interpreter("wickra", install=True)


@pytest.mark.parametrize("pins", sorted(SOURCES.glob("*.txt")), ids=lambda path: path.stem)
def test_pins_are_exact_and_hashed(pins: Path) -> None:
    """Every package of a peer has one version and the hashes of its files, and no host is named."""
    text = pins.read_text("utf-8")
    packages = [line for line in text.splitlines() if line and line[0] not in " #"]

    assert packages
    assert [line for line in packages if "==" not in line or not line.endswith("\\")] == []
    assert text.count("--hash=sha256:") >= len(packages)
    assert "://" not in text
