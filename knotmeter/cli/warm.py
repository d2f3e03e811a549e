"""Compile the kernels of all engines ahead of their first use.

They are compiled once for a machine and a version, which takes about half a
minute, and kept beside the code or in the folder that NUMBA_CACHE_DIR names.
Without this command the first replay does it.
"""

from __future__ import annotations

import argparse

from knotmeter.cli.terminal import standard_output
from knotmeter.session import load_settings
from shared import warming
from shared.clock import monotonic_ns
from shared.kernel_cache import directory


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter warm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def run(_arguments: argparse.Namespace) -> int:
    """Run the command."""
    console = standard_output()
    for engine, flags in warming.variants():
        started = monotonic_ns()
        warming.warm(load_settings(flags))
        seconds = (monotonic_ns() - started) / 1e9
        console.print(f"{engine:12} {', '.join(flags) or 'defaults'}: {seconds:.1f} s", soft_wrap=True)
    console.print(f"kept in {directory()}", soft_wrap=True)
    return 0
