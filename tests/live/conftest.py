"""A sample session and its undisturbed log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.running import SETTINGS, TRADES, knotmeter


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a sample session of six hours."""
    path = tmp_path_factory.mktemp("sample") / "sample.parquet"
    assert knotmeter("sample", path, "--trades", TRADES).returncode == 0
    return path


@pytest.fixture(scope="session")
def expected(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The canonical log of `knotmeter replay`."""
    output = tmp_path_factory.mktemp("replay") / "out"
    done = knotmeter("replay", sample, *SETTINGS, "--output", output, "--quiet")
    assert done.returncode == 0, done.stderr
    return (output / "events.jsonl").read_bytes()
