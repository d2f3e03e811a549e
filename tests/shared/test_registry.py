"""The registry: engines are found, not listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import registry

ROOT = Path(__file__).resolve().parent.parent.parent

SPEC = """
from bus.topics import {topic}
from shared.spec import EngineSpec, Rungs

SPEC = EngineSpec(
    name="{name}", question="What?", port={port}, publishes=({topic},), unit_of_work="thing", memory_mb=1,
    rungs=Rungs(baseline=5, kernel=4, accelerated=3, algorithm=2, ultimate=1),
)
"""
CONFIG = "import msgspec\n\n\nclass Config(msgspec.Struct):\n    n: int = 1\n"
ENGINE = """
from shared.engine import Engine


def create(config):
    return Engine(config, None)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of engines that is found instead of the project's."""
    folder = tmp_path / "found_engines"
    for name, topic, port in (("second", "TOXICITY", 2), ("first", "TRADE", 1)):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
        (folder / name / "spec.py").write_text(SPEC.format(name=name, topic=topic, port=port))
        (folder / name / "config.py").write_text(CONFIG)
        (folder / name / "engine.py").write_text(ENGINE)
    (folder / "__init__.py").touch()
    (folder / "loose.py").touch()
    (folder / "notes").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "PACKAGE", folder.name)
    registry.engines.cache_clear()
    yield folder
    registry.engines.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
        del sys.modules[name]


def test_every_folder_is_an_engine(package: Path) -> None:
    """Engines are the packages of the folder, in name order; loose modules and plain folders are not."""
    assert list(registry.engines()) == ["first", "second"]
    assert [spec.name for spec in registry.engines().values()] == ["first", "second"]
    assert package.name == registry.PACKAGE


def test_the_source_is_found_by_what_it_publishes(package: Path) -> None:
    """Nobody is the source by name."""
    assert registry.source().name == "first"
    assert (package / "first").is_dir()


def test_parts_are_found_by_convention(package: Path) -> None:
    """Settings type and engine come from modules of fixed names."""
    config = registry.config_type("second")(n=3)

    assert registry.create("second", config).config.n == 3
    assert registry.part("second", "config").__file__ == str(package / "second" / "config.py")


def test_the_project_has_engines_of_their_folders_names() -> None:
    """Every spec is named as its folder; names and ports are unique."""
    engines = registry.engines()

    assert [spec.name for spec in engines.values()] == sorted(engines)
    assert len({spec.port for spec in engines.values()}) == len(engines)
    assert registry.source().is_source


def test_specs_load_in_a_bare_interpreter() -> None:
    """Reading all declarations loads neither a compiler nor a data or web library."""
    code = (
        "import sys\n"
        "from shared import registry\n"
        "registry.engines()\n"
        "heavy = {'numba', 'scipy', 'pyarrow', 'rich', 'structlog', 'fastapi'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
