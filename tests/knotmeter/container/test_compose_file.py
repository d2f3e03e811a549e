"""What Docker Compose reads, held against itself and the project; `tests/live/test_compose.py` runs it."""

from __future__ import annotations

import re
from pathlib import Path

import knotmeter

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def variables() -> dict[str, str]:
    """What the file of variables sets."""
    lines = (ROOT / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_image_bears_the_version_of_the_project() -> None:
    """Its tag in the file of variables is the version that the program prints."""
    assert variables()["KNOTMETER_VERSION"] == knotmeter.__version__


def test_every_variable_is_there_and_of_use() -> None:
    """What the compose file demands is set, and what is set is asked for."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    demanded = set(re.findall(r"\$\{(\w+):?\?\}", text))

    assert demanded == variables().keys() - {"COMPOSE_PROJECT_NAME"}


def test_the_python_that_images_begin_with_is_named_once() -> None:
    """A build without Compose begins with the same image."""
    assert f"ARG PYTHON_IMAGE={variables()['PYTHON_IMAGE']}\n" in (ROOT / "Dockerfile").read_text("utf-8")
