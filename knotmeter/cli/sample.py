"""Write a sample session of trades, made with a seed.

The same arguments give the same bytes. The file can be inspected and replayed
like a venue's. It is made up: it shows how the program works and says nothing
about any market.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from knotmeter.cli.arguments import refuse_existing, whole_number
from knotmeter.cli.terminal import size, standard_output
from shared import registry
from shared.errors import SettingsError

LARGEST: Final = 100_000_000


def examples() -> str:
    """Examples for the help text."""
    return """examples:
  knotmeter sample sample.parquet
  knotmeter sample sample.csv.gz --trades 100000 --seed 7"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="file to write; its ending says the format")
    parser.add_argument(
        "--trades",
        metavar="N",
        type=whole_number(1, LARGEST),
        default=100_000,
        help="trades (default 100000)",
    )
    parser.add_argument(
        "--seed", metavar="S", type=whole_number(0, 2**63 - 1), default=1, help="seed (default 1)"
    )
    parser.add_argument("--instrument", metavar="ID", default="SAMPLE.SIM", help="default SAMPLE.SIM")
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    refuse_existing(arguments.file, "FILE", force=arguments.force)
    sample = registry.part(registry.source().name, "sample")
    try:
        sample.write_sample(arguments.file, arguments.seed, arguments.trades, arguments.instrument)
    except ValueError as error:
        raise SettingsError([str(error)]) from error
    made = f"{arguments.trades:,} trades of {arguments.instrument}, seed {arguments.seed}"
    length = size(arguments.file.stat().st_size)
    standard_output().print(f"{arguments.file}: {made}, {length}", soft_wrap=True)
    return 0
