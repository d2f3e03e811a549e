"""The import table and its neighbours as data, and the readers that hold a syntax tree against them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("bus", "services", "shared", "knotmeter")
CODE: Final = (*PACKAGES, "tests", "benchmarks")

FORBIDDEN_NAMES: Final = frozenset({"utils", "helpers", "common", "manager", "v2"})
MAX_MODULE_LINES: Final = 400
MAX_FUNCTION_LINES: Final = 40


class Module(NamedTuple):
    """One source file."""

    path: str
    """Relative to the repository root, with forward slashes."""
    tree: ast.Module

    @property
    def engine(self) -> str:
        """Folder name of the engine it belongs to, or an empty string."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "services" and len(parts) > 2 else ""


class Import(NamedTuple):
    """One imported name."""

    line: int
    name: str
    """Full dotted name of what is imported."""
    local: str
    """The name the module uses..."""
    bound: str
    """...and the full dotted name it stands for."""


class Rule(NamedTuple):
    """One row of the import table. ``{engine}`` stands for the module's own engine."""

    where: tuple[str, ...]
    """Patterns of the paths it is about."""
    may: tuple[str, ...] | None = None
    """If given, nothing but these is imported."""
    never: tuple[str, ...] = ()
    """These are not imported..."""
    but: tuple[str, ...] = ()
    """...except these parts of them."""


NUMERICS: Final = (
    "__future__",
    "collections.abc",
    "dataclasses",
    "enum",
    "math",
    "typing",
    "numba",
    "numpy",
    "scipy",
)
OUTSIDE_WORLD: Final = (
    *("asyncio", "datetime", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "select"),
    *("socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib"),
    *("fastapi", "httpx", "redis", "rich", "starlette", "structlog", "uvicorn", "valkey", "websockets"),
)
RUNTIME: Final = ("clock", "fleet", "latency", "log", "registry", "render", "runtime")
PLUMBING: Final = ("checkpoint", "cursors", "memory", "merge", "outbox", "redis", "server", "transport")

IMPORT_TABLE: Final = {
    "a kernel computes": Rule(
        where=("services/*/kernel.py", "services/*/kernel/*"),
        may=(*NUMERICS, "shared.kernels", "bus.records", "bus.record_codes", "services.{engine}.kernel"),
    ),
    "a shared kernel computes": Rule(
        where=("shared/kernels/*",),
        may=(
            *NUMERICS,
            "shared.kernels",
            "shared.kernel_cache",
            "shared.clock",
            "bus.records",
            "bus.record_codes",
        ),
    ),
    "an engine remembers": Rule(
        where=("services/*/engine.py",),
        never=(
            *OUTSIDE_WORLD,
            *(f"shared.{name}" for name in RUNTIME),
            *(f"bus.{name}" for name in PLUMBING),
            *("services", "knotmeter"),
        ),
        but=("services.{engine}.kernel", "services.{engine}.config"),
    ),
    "a face answers": Rule(
        where=("services/*/api.py", "services/*/api/*"),
        may=(
            *("__future__", "collections.abc", "enum", "fractions", "itertools", "math", "typing"),
            *("fastapi", "msgspec", "numpy", "starlette"),
            *("bus.messages", "bus.records", "bus.record_codes"),
            *(f"shared.{name}" for name in ("constraints", "errors", "face", "instruments", "values")),
            *(f"services.{{engine}}.{part}" for part in ("api", "config", "engine", "kernel")),
        ),
    ),
    "a spec declares": Rule(
        where=("services/*/spec.py",),
        never=(*OUTSIDE_WORLD, "numba", "numpy", "pyarrow", "scipy", "services", "shared", "knotmeter"),
        but=("shared.spec",),
    ),
    "engines meet on the bus alone": Rule(
        where=("services/*",), never=("services", "knotmeter"), but=("services.{engine}",)
    ),
    "shared code knows no engine": Rule(where=("shared/*",), never=("services", "knotmeter")),
    "the bus knows nobody": Rule(
        where=("bus/*",), never=("shared", "services", "knotmeter"), but=("shared.errors",)
    ),
    "the command line goes through the registry": Rule(where=("knotmeter/*",), never=("services",)),
    "nothing that is shipped needs the tests": Rule(
        where=tuple(f"{package}/*" for package in PACKAGES), never=("tests", "benchmarks")
    ),
    "benchmarks do not need the tests": Rule(where=("benchmarks/*",), never=("tests",)),
}

WALL_CLOCK: Final = (
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.clock_gettime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
)
STOPWATCH: Final = (
    *("time.perf_counter", "time.perf_counter_ns", "time.process_time", "time.process_time_ns"),
    *("time.thread_time", "time.thread_time_ns"),
)
USES: Final = {
    # what is used: where it may be
    **dict.fromkeys(WALL_CLOCK, ("shared/clock.py",)),
    **dict.fromkeys(STOPWATCH, ("shared/latency.py", "benchmarks/*")),
    "time.sleep": ("shared/clock.py",),
    "sys.path": ("tests/*",),
}


def modules(*folders: str) -> list[Module]:
    """Every Python module below these folders of the repository."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [
        Module(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"), str(path)))
        for path in paths
    ]


def source(path: str, text: str) -> Module:
    """A module that is not on disk."""
    return Module(path, ast.parse(text))


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a path matches one of the patterns; ``*`` crosses folders."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def within(name: str, prefixes: tuple[str, ...], engine: str) -> bool:
    """Whether a dotted name is one of the prefixes or below it."""
    own = [prefix.replace("{engine}", engine) for prefix in prefixes]
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in own)


def imports(module: Module) -> Iterator[Import]:
    """Everything a module imports, inside functions too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                local, bound = (alias.asname, alias.name) if alias.asname else (first, first)
                yield Import(node.lineno, alias.name, local, bound)
        elif isinstance(node, ast.ImportFrom):
            package = module.path.removesuffix(".py").split("/")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield Import(node.lineno, name, alias.asname or alias.name, name)


def wrong_imports(module: Module) -> list[str]:
    """Imports that the table forbids, as ``path:line: reason``."""
    found = []
    for reason, rule in IMPORT_TABLE.items():
        if not matches(module.path, rule.where):
            continue
        for line, name, _, _ in imports(module):
            outside = rule.may is not None and not within(name, rule.may, module.engine)
            refused = within(name, rule.never, module.engine) and not within(name, rule.but, module.engine)
            if outside or refused:
                found.append(f"{module.path}:{line}: {reason}: `{name}` may not be imported here")
    return found


def dotted(node: ast.expr) -> str:
    """``a.b.c`` for a chain of attributes on a name, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def uses(module: Module) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported that a module uses, whatever it calls it."""
    full = {}
    for line, name, local, bound in imports(module):
        full[local] = bound
        yield line, name
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and (name := dotted(node)):
            first, _, rest = name.partition(".")
            yield node.lineno, ".".join(filter(None, (full.get(first, first), rest)))


def wrong_uses(module: Module) -> list[str]:
    """Clocks, waits and paths used where they may not be."""
    return [
        f"{module.path}:{line}: `{name}` belongs to {' and '.join(USES[name])} alone"
        for line, name in sorted(set(uses(module)))
        if name in USES and not matches(module.path, USES[name])
    ]


def impurities(module: Module) -> list[str]:
    """What makes a kernel or an engine depend on more than its input."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(f"{module.path}:{node.lineno}: kernels and engines never wait")
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.append(f"{module.path}:{node.lineno}: nothing is remembered outside the engine's state")
        if isinstance(node, ast.keyword) and node.arg in {"fastmath", "parallel"}:
            found.append(f"{module.path}:{node.value.lineno}: `{node.arg}` changes bits from run to run")
    for line, name in sorted(set(uses(module))):
        if name.startswith("numpy.random.") and name.split(".")[2] not in {"Generator", "BitGenerator"}:
            found.append(f"{module.path}:{line}: `{name}`: a seeded Generator is handed in")
    return found


def docstrings(tree: ast.AST) -> set[int]:
    """Identities of the string nodes that stand alone as statements: prose, not code."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and word of every identifier (cut at underscores) and of every string that is not a docstring."""
    prose = docstrings(tree)
    for node in ast.walk(tree):
        texts: list[str | None] = []
        match node:
            case ast.Constant(value=str(text)) if id(node) not in prose:
                texts = [text]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=name):
                texts = [name]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                texts = [name]
            case ast.alias(name=name, asname=asname):
                texts = [name, asname]
        for text in filter(None, texts):
            for word in re.findall(r"[A-Za-z0-9]+", text):
                yield getattr(node, "lineno", 0), word


def named_engines(module: Module, engines: frozenset[str]) -> list[str]:
    """Places where code that serves every engine names one; a class such as ``Strategy`` is no such place."""
    return [
        f"{module.path}:{line}: names the engine `{word.lower()}`; take it from the registry or the spec"
        for line, word in words(module.tree)
        if word.lower() in engines and (word.islower() or word.isupper())
    ]


def inline_messages(module: Module) -> list[str]:
    """Raises whose one argument is a message written inside the call, where a traceback shows it twice."""
    found = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Raise(exc=ast.Call(args=[ast.Constant(value=str()) | ast.JoinedStr()], keywords=[])):
                found.append(f"{module.path}:{node.lineno}: assign the message to `message` before `raise`")
    return found


def sizes(module: Module) -> Iterator[tuple[int, str, int]]:
    """Line, name and length in lines (its docstring not counted) of every function."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                text = node.body[0]
                length -= (text.end_lineno or text.lineno) - text.lineno + 1
            yield node.lineno, node.name, length


def engine_names() -> frozenset[str]:
    """Folder names of all engines."""
    return frozenset(path.parent.name for path in (ROOT / "services").glob("*/spec.py"))


def declared_libraries() -> frozenset[str]:
    """Import names of the run-time dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = (re.split(r"[<>=~! ;\[]", line)[0] for line in project["dependencies"])
    return frozenset(name.replace("-", "_") for name in names)


def text_files() -> list[Path]:
    """Files of the repository that a person reads."""
    suffixes = {".md", ".py", ".toml", ".txt", ".lock", ".json", ".yml", ".yaml", ""}
    shown = [path for path in ROOT.iterdir() if not path.name.startswith(".") or path.name == ".ci"]
    files = [file for path in shown for file in (path, *path.rglob("*")) if file.is_file()]
    return [file for file in files if file.suffix in suffixes and "__pycache__" not in file.parts]
