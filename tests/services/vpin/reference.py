"""The golden values of ``tests/reference/vpin``, each with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "reference" / "vpin" / "vectors.json"


def vector(name: str) -> dict[str, Any]:
    """One golden vector."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))[name]
    return found


def names() -> set[str]:
    """Names of all vectors."""
    return set(json.loads(FILE.read_text("utf-8")))
