"""An order to every engine of a fleet that declares to take it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Final

from knotmeter.cli.arguments import add_folder
from knotmeter.cli.terminal import paragraph, standard_output
from knotmeter.client import AsyncClient, Awaiting, ClientError, Engine
from knotmeter.client.answers import Declaration
from knotmeter.fleet.folder import FleetError, FleetFolder
from shared.face.subject import CommandReceipt

ANSWER_SECONDS: Final = 15.0
"""An order is answered after it was read back from the bus and applied."""


def add_order_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that is an order."""
    parser.add_argument(
        "engines", metavar="ENGINE", nargs="*", help="engines to tell; else all that take the order"
    )
    add_folder(parser)


def give_order(name: str, arguments: argparse.Namespace) -> int:
    """Give an order to the engines that were named, or to all that take it; 1 if one did not apply it.

    Raises:
        FleetError: no engine takes it, or one that was named does not.
    """
    folder = FleetFolder(arguments.folder)
    return asyncio.run(_give(name, list(dict.fromkeys(arguments.engines)), folder))


async def _give(name: str, wanted: Sequence[str], folder: FleetFolder) -> int:
    async with AsyncClient.of_fleet(folder.place, timeout=ANSWER_SECONDS, patience=0.0) as client:
        engines = [client.engine(engine) for engine in wanted or client.names]
        specs = await asyncio.gather(*(_spec(engine) for engine in engines))
        takers = [
            engine
            for engine, spec in zip(engines, specs, strict=True)
            if isinstance(spec, Declaration) and spec.takes(name)
        ]
        unknown = [spec for spec in specs if isinstance(spec, ClientError)]
        _check(name, wanted, engines, specs, takers)
        receipts = await asyncio.gather(*(_tell(engine, name) for engine in takers))
    console = standard_output()
    for engine, receipt in zip(takers, receipts, strict=True):
        told = receipt if isinstance(receipt, ClientError) else f"{name} {receipt.outcome}"
        paragraph(console, f"{engine.name}: {told}", indent=0, hanging=2)
    for error in unknown:
        paragraph(console, f"not told, for nobody answers: {error}", indent=0, hanging=2)
    return 1 if unknown or any(isinstance(receipt, ClientError) for receipt in receipts) else 0


def _check(
    name: str,
    wanted: Sequence[str],
    engines: Sequence[Engine[Awaiting]],
    specs: Sequence[Declaration | ClientError],
    takers: Sequence[Engine[Awaiting]],
) -> None:
    """Refuse an order that nobody takes, or that one of those who were named does not take.

    Raises:
        FleetError: it is so.
    """
    others = [
        str(engine.name)
        for engine, spec in zip(engines, specs, strict=True)
        if isinstance(spec, Declaration) and not spec.takes(name)
    ]
    if wanted and others:
        message = f"`ENGINE`: expected engines that take `{name}`, found {', '.join(others)}"
        raise FleetError(message)
    if not takers and len(others) == len(engines):
        message = f"expected an engine that takes `{name}`, found none in this fleet ({', '.join(others)}); "
        message += f"there is nothing to {name}"
        raise FleetError(message)


async def _spec(engine: Engine[Awaiting]) -> Declaration | ClientError:
    try:
        return await engine.spec()
    except ClientError as error:
        return error


async def _tell(engine: Engine[Awaiting], name: str) -> CommandReceipt | ClientError:
    try:
        return await engine.command(name)
    except ClientError as error:
        return error
