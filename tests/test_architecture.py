"""Where code may live: the import table, the clocks, the names and the sizes, read off the syntax trees."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.architecture import (
    CODE,
    FORBIDDEN_NAMES,
    MAX_FUNCTION_LINES,
    MAX_MODULE_LINES,
    PACKAGES,
    ROOT,
    declared_libraries,
    engine_names,
    imports,
    impurities,
    inline_messages,
    matches,
    modules,
    named_engines,
    sizes,
    source,
    text_files,
    wrong_imports,
    wrong_uses,
)


def test_every_module_imports_what_the_table_allows() -> None:
    """Kernels compute, engines remember, the bus knows nobody: no import says otherwise."""
    assert [problem for module in modules(*CODE) for problem in wrong_imports(module)] == []


def test_time_is_read_in_one_place() -> None:
    """The wall clock is read in shared/clock.py, the stopwatch in the recorder and the benchmarks."""
    assert [problem for module in modules(*CODE) for problem in wrong_uses(module)] == []


def test_kernels_and_engines_are_pure() -> None:
    """The same input gives the same bits: no waiting, hidden state, fast-math or unseeded generator."""
    places = ("services/*/kernel*", "services/*/engine.py", "shared/kernels/*")
    checked = [module for module in modules("services", "shared") if matches(module.path, places)]
    assert [problem for module in checked for problem in impurities(module)] == []


def test_shared_code_names_no_engine() -> None:
    """A new engine is a new folder: nothing outside it has to learn its name."""
    checked = [
        module for module in modules("knotmeter", "shared", "bus") if "bus/messages/" not in module.path
    ]
    names = engine_names()
    assert [problem for module in checked for problem in named_engines(module, names)] == []


def test_messages_are_written_before_they_are_raised() -> None:
    """A traceback shows a message once; errors that take the parts of one are free to."""
    assert [problem for module in modules(*CODE) for problem in inline_messages(module)] == []


def test_libraries_are_declared() -> None:
    """Every library that the packages import is a run-time dependency of the project."""
    known = declared_libraries() | sys.stdlib_module_names | set(PACKAGES)
    undeclared = {
        f"{module.path}:{line}: `{name}`"
        for module in modules(*PACKAGES)
        for line, name, _, _ in imports(module)
        if name.split(".")[0] not in known
    }
    assert sorted(undeclared) == []


def test_no_folder_is_a_drawer() -> None:
    """Modules are named for what they are, never utils, helpers, common, manager or v2."""
    paths = [Path(module.path) for module in modules(*CODE)]
    assert [str(path) for path in paths if FORBIDDEN_NAMES & {*path.parts[:-1], path.stem}] == []


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder without ``__init__.py`` would be left out of what is built and installed."""
    folders = {(ROOT / module.path).parent for module in modules(*PACKAGES)}
    bare = [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]
    assert sorted(bare) == []


def test_the_packages_are_typed() -> None:
    """Each package carries its types to whoever imports it."""
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []


def test_modules_and_functions_stay_small() -> None:
    """A module has at most 400 lines and a function at most 40, its docstring not counted."""
    long = [
        f"{module.path}:{line}: `{name}` has {length} lines"
        for module in modules(*CODE)
        for line, name, length in sizes(module)
        if length > MAX_FUNCTION_LINES
    ]
    lines = {
        module.path: len((ROOT / module.path).read_text("utf-8").splitlines()) for module in modules(*CODE)
    }
    assert long + [f"{path} has {n} lines" for path, n in lines.items() if n > MAX_MODULE_LINES] == []


def test_lock_files_name_no_host() -> None:
    """A lock holds names, versions and hashes: it serves whatever index a machine uses."""
    line = re.compile(r"( *#.*|[a-z0-9-]+==[^ ]+ \\| +--hash=sha256:[0-9a-f]{64}( \\)?|)")
    for path in (*ROOT.glob("requirements*.lock"), *ROOT.glob("benchmarks/peers/*.txt")):
        text = path.read_text("utf-8")
        assert [row for row in text.splitlines() if not line.fullmatch(row) or "://" in row] == []


def test_no_file_names_a_machine() -> None:
    """Nothing in the repository depends on where it was written."""
    places = re.compile("/" + "work/|/" + "root/|/home/[a-z]")
    assert [
        str(path.relative_to(ROOT)) for path in text_files() if places.search(path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    ("path", "text", "n_wrong"),
    [
        ("services/vpin/kernel/bulk.py", "import os\nimport logging, time\nfrom random import random", 4),
        ("services/vpin/kernel.py", "import numpy as np\nfrom scipy.special import ndtr\nimport math", 0),
        ("services/vpin/kernel/bulk.py", "from .buckets import split\nfrom bus.records import TRADE", 0),
        ("services/vpin/kernel/bulk.py", "from ..engine import Vpin", 1),
        ("services/vpin/kernel.py", "import bus", 1),
        (
            "services/vpin/engine.py",
            "from services.vpin.kernel import split\nfrom shared.values import Value",
            0,
        ),
        ("services/vpin/engine.py", "def f() -> None:\n    from services.marketdata import feeds", 2),
        ("services/vpin/engine.py", "from shared import clock", 1),
        (
            "services/vpin/api/queries.py",
            "from fastapi import Query\nfrom services.vpin.engine import Vpin\n"
            "from shared.face.routes import Routes",
            0,
        ),
        ("services/vpin/api.py", "import asyncio\nimport redis\nfrom shared.runtime import Runtime", 3),
        ("services/vpin/api.py", "from services.marketdata.engine import create\nimport knotmeter", 4),
        ("services/vpin/spec.py", "from bus.topics import TRADE\nfrom shared.spec import EngineSpec", 0),
        ("services/vpin/spec.py", "from services.vpin.engine import create", 1),
        ("services/vpin/adapter/csv.py", "import pyarrow\nfrom services.vpin import config", 0),
        ("services/vpin/adapter/csv.py", "from services.marketdata.adapter import dbn", 1),
        ("shared/registry.py", "import services", 1),
        ("bus/codec.py", "from shared.errors import KnotmeterError\nfrom shared import errors", 0),
        ("bus/codec.py", "from shared.spec import EngineSpec", 1),
        ("knotmeter/cli/replay.py", "from services.vpin.spec import SPEC", 1),
        ("shared/values.py", "from tests import fleet", 1),
    ],
)
def test_wrong_imports_are_found(path: str, text: str, n_wrong: int) -> None:
    """The check itself finds what it should: whole modules, names, relative and late imports."""
    assert len(wrong_imports(source(path, text))) == n_wrong


@pytest.mark.parametrize(
    ("path", "text", "wrong"),
    [
        ("shared/runtime.py", "import time\ntime.perf_counter()", True),
        ("shared/runtime.py", "from time import perf_counter_ns as now", True),
        ("shared/runtime.py", "import time as t\nt.time()", True),
        ("shared/runtime.py", "import datetime as dt\ndt.datetime.now(dt.UTC)", True),
        ("knotmeter/cli/replay.py", "from datetime import datetime, UTC\ndatetime.now(UTC)", True),
        ("tests/bus/test_merge.py", "import time\ntime.sleep(1)", True),
        ("shared/clock.py", "import time\ntime.time_ns()", False),
        ("shared/latency.py", "import time\ntime.perf_counter_ns()", False),
        ("benchmarks/__main__.py", "from time import perf_counter", False),
        ("shared/runtime.py", "self.clock.time()\nfrom datetime import datetime\ndatetime.min", False),
    ],
)
def test_wrong_clocks_are_found(path: str, text: str, *, wrong: bool) -> None:
    """A clock is found under any alias, and an attribute of the same name is no clock."""
    assert bool(wrong_uses(source(path, text))) is wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("name = 'vpin'", True),
        ("key = 'vpin.bucket_volume'", True),
        ("def vpin_row() -> None: ...", True),
        ("engine.vpin", True),
        ("f'services/vpin/{part}'", True),
        ('"""An example: vpin."""\nx = "toxicity"', False),
        ("class Vpin: ...", False),
        ("bus = 'MarketData'", False),
    ],
)
def test_engine_names_are_found(text: str, *, wrong: bool) -> None:
    """A name counts in strings and identifiers; prose and other words do not."""
    assert bool(named_engines(source("shared/spec.py", text), frozenset({"vpin", "marketdata"}))) is wrong


@pytest.mark.parametrize(
    ("text", "n_wrong"),
    [
        ("raise ValueError('no')", 1),
        ("raise ValueError(f'no {x}')", 1),
        ("raise ValueError(message)", 0),
        ("raise DecodeError(f'at most {x}', 'more', where)", 0),
        ("raise KeyError", 0),
    ],
)
def test_inline_messages_are_found(text: str, n_wrong: int) -> None:
    """One literal argument is a message; a variable or several parts are not."""
    assert len(inline_messages(source("bus/codec.py", text))) == n_wrong


def test_impure_code_is_found() -> None:
    """Waiting, module state, fast-math and module-level generators are all seen."""
    text = (
        "import numpy as np\nfrom numba import njit\n"
        "async def f(): ...\n"
        "def g():\n    global x\n    return np.random.default_rng()\n"
        "h = njit(fastmath=True)\n"
        "def k(rng: np.random.Generator): ...\n"
    )
    assert len(impurities(source("services/vpin/kernel.py", text))) == 4


def test_long_functions_are_measured_without_their_docstring() -> None:
    """Length is signature and body; explaining a function never makes it too long."""
    text = 'def f(x):\n    """One.\n\n    Two.\n    """\n    return x\n'
    assert [length for _, _, length in sizes(source("bus/codec.py", text))] == [2]
