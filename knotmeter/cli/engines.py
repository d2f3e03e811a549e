"""List the engines: question, inputs, outputs, latency targets."""

from __future__ import annotations

import argparse

import msgspec

from knotmeter.cli.terminal import heading, pairs, standard_output, table
from shared import registry
from shared.spec import EngineSpec, Rungs


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter engines"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def run(_arguments: argparse.Namespace) -> int:
    """Run the command."""
    console = standard_output()
    specs = registry.engines().values()
    for spec in specs:
        heading(console, spec.name)
        console.print(pairs(_about(spec)))
    heading(console, "Latency targets for a unit of work, microseconds")
    names = [rung.name for rung in msgspec.structs.fields(Rungs)]
    rows = [[spec.name, *(f"{getattr(spec.rungs, name):g}" for name in names)] for spec in specs]
    console.print(table(["engine", *names], rows, names))
    return 0


def _about(spec: EngineSpec) -> dict[str, str]:
    heard = ", ".join(f"{edge.topic.name}{_delay(edge.delay)}" for edge in spec.inputs)
    return {
        "question": spec.question,
        "reads": heard or "feeds",
        "publishes": ", ".join(topic.name for topic in spec.publishes) or "nothing",
        "unit of work": spec.unit_of_work,
        "port": str(spec.port),
        "memory": f"{spec.memory_mb} MiB",
    }


def _delay(nanoseconds: int) -> str:
    return f" (after {nanoseconds / 1e9:g} s)" if nanoseconds else ""
