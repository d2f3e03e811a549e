"""The toy engines of `tests.fleet.toys` as a registry with files, settings and samples of their own.

A toy data file is JSON: how many records, which seed, and which of its trades are bad.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
import numpy as np
import pytest

from bus.record_codes import BarBasis, BarOrigin
from bus.records import BAR, Array, Records
from shared import registry
from shared.errors import DataError
from shared.spec import EngineSpec
from tests.fleet import toys
from tests.fleet.flow import ListFeed, input_flow

N_RECORDS = 800
"""Trades and quotes of the usual toy file..."""

N_DEFINITIONS = 3
"""...and the definitions of its instruments."""

BAR_OF_EVERY = 50
"""Trades of the flow of which one is made an imported bar."""


class FileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one toy file is read."""

    path: str
    instrument: Annotated[str, msgspec.Meta(pattern=r"^\w+\.\w+$")] | None = None


class SourceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the toy source."""

    files: tuple[FileSettings, ...] = ()


class AskerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the toy asker."""

    patience: Annotated[int, msgspec.Meta(ge=1, description="Asks that may be open.")] = 3
    temper: Annotated[float, msgspec.Meta(gt=0, description="How it asks.")] = 0.5


class AnswererConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the toy answerer: none."""


class Asker(toys.Asker):
    """The asker, with a summary."""

    def summary(self) -> list[dict[str, Any]]:
        """What it has seen."""
        state = self.state
        return [{"trades": state.n_trades, "answers": state.n_messages, "last_price": state.last_price / 1e9}]


CONFIGS = {"source": SourceConfig, "asker": AskerConfig, "answerer": AnswererConfig}
SPECS = {spec.name: spec for spec in (toys.ANSWERER, toys.ASKER, toys.SOURCE)}


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the toys the registered engines."""
    parts = {
        ("source", "adapter"): SimpleNamespace(FileSettings=FileSettings, open_feed=open_feed),
        ("source", "sample"): SimpleNamespace(write_sample=write_sample),
    }
    makers = {"source": toys.PassOn, "asker": Asker, "answerer": toys.Answerer}

    def engines() -> dict[str, EngineSpec]:
        return SPECS

    monkeypatch.setattr(registry, "engines", engines)
    monkeypatch.setattr(registry, "part", lambda name, module: parts[name, module])
    monkeypatch.setattr(registry, "config_type", lambda name: CONFIGS[name])
    monkeypatch.setattr(registry, "create", lambda name, config: makers[name](config, toys.Counts()))


def write_file(path: Path, n_records: int = N_RECORDS, seed: int = 7, bad: Sequence[int] = ()) -> Path:
    """Write a toy data file; ``bad`` are places of trades with a negative size."""
    path.write_text(json.dumps({"n_records": n_records, "seed": seed, "bad": list(bad)}), "utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def events(folder: Path) -> list[dict[str, Any]]:
    """The event log that a run left."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def write_sample(path: Path, seed: int, n_trades: int, instrument: str) -> None:
    """Write a toy sample."""
    assert instrument
    write_file(path, n_trades, seed)


def open_feed(config: SourceConfig, files: Sequence[FileSettings]) -> ListFeed:
    """Open one toy file."""
    assert isinstance(config, SourceConfig)
    (file,) = files
    try:
        content = json.loads(Path(file.path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"`{file.path}`: expected a toy file, found: {error}"
        raise DataError(message) from error
    flow = input_flow(content["n_records"], content["seed"])
    flow.trade["size"][content["bad"]] *= -1
    is_bar = np.arange(len(flow.trade)) % BAR_OF_EVERY == BAR_OF_EVERY - 1
    feed = ListFeed(Records({**dict(flow), "trade": flow.trade[~is_bar], "bar": _bars(flow.trade[is_bar])}))
    feed.notes.append("times are taken as UTC")
    return feed


def _bars(trades: Array) -> Array:
    bars = np.zeros(len(trades), BAR)
    for name in ("sequence", "ts_event", "ts_init", "instrument"):
        bars[name] = trades[name]
    for name in ("open", "high", "low", "close"):
        bars[name] = trades["price"]
    bars["ts_open"], bars["volume"], bars["n_trades"] = trades["ts_event"], trades["size"], 1
    bars["basis"], bars["origin"], bars["step"] = BarBasis.VOLUME, BarOrigin.IMPORTED, 5
    return bars
