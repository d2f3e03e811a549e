"""Check this machine: one line for each thing, and how to mend what is wrong.

The exit status is 1 if there is a problem; a warning is no problem.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.text import Text

from knotmeter.cli.terminal import paragraph, standard_output
from knotmeter.machine import Finding, State, examine

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red"}


def examples() -> str:
    """Examples for the help text."""
    return "examples:\n  knotmeter doctor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: none."""


def run(_arguments: argparse.Namespace) -> int:
    """Run the command."""
    console = standard_output()
    findings = []
    for finding in examine():
        findings.append(finding)
        _print(console, finding)
    n_problems = sum(finding.state is State.PROBLEM for finding in findings)
    console.print(f"{len(findings)} things checked, {n_problems} with a problem")
    return 1 if n_problems else 0


def _print(console: Console, finding: Finding) -> None:
    line = Text.assemble((f"{finding.state.value:8}", _STYLES[finding.state]), f"  {finding.name:12}  ")
    console.print(line.append(finding.found), soft_wrap=True)
    if finding.mend:
        paragraph(console, finding.mend, 24)
