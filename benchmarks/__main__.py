"""Run benchmarks: ``python -m benchmarks [NAME…]``; ``--help`` tells the rest."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import benchmarks
from benchmarks.bench import Bench, Options
from benchmarks.harness import MIN_PAIRS


def questions() -> dict[str, ModuleType]:
    """Modules that ask a question, by name: those with a ``QUESTION`` and a ``run(bench)``."""
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__) if found.name != "__main__"]
    modules = {name: import_module(f"benchmarks.{name}") for name in sorted(names)}
    return {name: module for name, module in modules.items() if hasattr(module, "QUESTION")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns 1 if an answer was wrong."""
    known = questions()
    asked = _parser().parse_args(arguments)
    unknown = [name for name in asked.name if name not in known]
    if unknown:
        print(f"`name`: expected some of {', '.join(known)}, got {', '.join(unknown)}", file=sys.stderr)
        return 2
    if asked.list:
        width = max(map(len, known))
        print("\n".join(f"{name:<{width}} {module.QUESTION}" for name, module in known.items()))
        return 0
    with Bench(Options(pairs=asked.pairs, quick=asked.self_check, data=asked.data)) as bench:
        for told in (bench.report.machine, bench.report.versions):
            print(", ".join(f"{name} {value}" for name, value in told.items()))
        print()
        for name in asked.name or known:
            known[name].run(bench)
    if asked.self_check:
        print("self-check: the answers count, the figures mean nothing")
    if asked.json is not None:
        bench.report.write(asked.json)
    return 1 if bench.report.wrong else 0


def _pairs(text: str) -> int:
    if not text.isdecimal() or int(text) < MIN_PAIRS:
        message = f"expected a whole number of at least {MIN_PAIRS}, got {text}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        message = f"expected a folder, found none at {text}"
        raise argparse.ArgumentTypeError(message)
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("name", nargs="*", help="questions to ask (default: all)")
    parser.add_argument("--list", action="store_true", help="name the questions and end")
    parser.add_argument(
        "--pairs", type=_pairs, default=MIN_PAIRS, help="samples of each contender (default: 7)"
    )
    parser.add_argument("--data", type=_folder, help="folder of real data to use in place of made data")
    parser.add_argument("--json", type=Path, help="write the report to this file too")
    parser.add_argument(
        "--self-check", action="store_true", help="small input, answers only; installs nothing"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
