"""What all tests share: where the real data is, and how hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Folder of the real market data; a test that asks for it is skipped where there is none."""
    folder = os.environ.get("KNOTMETER_TEST_DATA")
    if not folder:
        pytest.skip(
            "KNOTMETER_TEST_DATA is not set: expected the folder of the real data, with `market/` in it"
        )
    path = Path(folder).resolve() / "market"
    if not path.is_dir():
        pytest.fail(f"`KNOTMETER_TEST_DATA`: expected a folder that holds `market/`, found none at {path}")
    return path
