"""The routes of an engine, and answers of theirs."""

from __future__ import annotations

from typing import Any, Final

from services.vpin.api import router
from services.vpin.config import Config
from services.vpin.engine import Vpin, create
from services.vpin.spec import SPEC
from shared.face.app import Face
from shared.fleet_settings import HttpSettings
from tests.shared.face.faces import post

SECOND: Final = 1_000_000_000
ES: Final = "ES.XCME"


def face(engine: Vpin | None = None) -> Face:
    """The routes of an engine."""
    return Face(SPEC.name, SPEC.question, HttpSettings(), [router(engine or create(Config()))])


def errors(path: str, request: Any) -> list[dict[str, Any]]:
    """What is wrong with a request."""
    answer = post(face(), path, json=request)
    assert answer.status_code == 422, answer.text
    found: list[dict[str, Any]] = answer.json()["errors"]
    return found
