"""Where compiled kernels are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import kernel_cache


def tree(root: Path) -> Path:
    """A tree with two kernels."""
    folder = root / "shared" / "kernels"
    folder.mkdir(parents=True)
    (folder / "bars.py").write_text("a = 1")
    (folder / "sides.py").write_text("b = 1")
    return folder


def test_any_kernel_source_changes_the_digest(tmp_path: Path) -> None:
    """What one kernel calls in another file is part of what was compiled."""
    folder = tree(tmp_path)
    before = kernel_cache.digest(tmp_path)
    (folder / "sides.py").write_text("b = 2")

    assert kernel_cache.digest(tmp_path) != before
    (folder / "sides.py").write_text("b = 1")
    assert kernel_cache.digest(tmp_path) == before


def test_the_environment_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A given folder is used, with the digest below it."""
    monkeypatch.setenv(kernel_cache.VARIABLE, str(tmp_path))

    assert kernel_cache.directory() == tmp_path / f"kernels-{kernel_cache.digest()}"


def test_only_a_new_folder_removes_those_long_unused(tmp_path: Path) -> None:
    """Code compiled from other sources goes a day after its last use, when a successor comes."""
    old, new, other = tmp_path / "kernels-old", tmp_path / "kernels-new", tmp_path / "other"
    for folder in (old, new, other):
        folder.mkdir()
    today = old.stat().st_mtime_ns
    tomorrow = today + 86_400 * 10**9 + 1
    kernel_cache.forget_older(new, tomorrow)

    assert old.is_dir()
    new.rmdir()
    kernel_cache.forget_older(new, today)
    assert old.is_dir()
    kernel_cache.forget_older(new, tomorrow)
    assert not old.exists()
    assert other.is_dir()
