"""The registry: every folder under ``services`` with a ``spec`` is an engine; there is no list."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from shared.engine import Engine
from shared.spec import EngineSpec

PACKAGE = "services"


@cache
def engines() -> dict[str, EngineSpec]:
    """Specs of all engines by name, in name order. Imports nothing but the specs."""
    package = importlib.import_module(PACKAGE)
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)
    return {name: importlib.import_module(f"{PACKAGE}.{name}.spec").SPEC for name in names}


def part(name: str, module: str) -> ModuleType:
    """One part (``engine``, ``config``, ``adapter``) of an engine."""
    return importlib.import_module(f"{PACKAGE}.{name}.{module}")


def config_type(name: str) -> Any:
    """Settings type of an engine."""
    return part(name, "config").Config


def create(name: str, config: Any) -> Engine[Any]:
    """A fresh engine with these settings."""
    engine: Engine[Any] = part(name, "engine").create(config)
    return engine


def source() -> EngineSpec:
    """The one engine that fills the MarketData bus from feeds."""
    (spec,) = (spec for spec in engines().values() if spec.is_source)
    return spec
