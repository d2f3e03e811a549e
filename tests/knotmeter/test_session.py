"""A session put together from the registry, and how it is asked to stop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from knotmeter.session import interruptible, load_settings, source_files
from shared import registry
from shared.errors import SettingsError


def test_the_first_interrupt_asks_and_the_second_insists() -> None:
    """Then what handled signals before does so again."""
    former = signal.getsignal(signal.SIGTERM)
    asked: list[bool] = []
    with interruptible(lambda: asked.append(True)) as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    assert asked == [True]
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_thread_leaves_signals_alone() -> None:
    """Only the main thread may set handlers; elsewhere a run just cannot be interrupted."""
    seen: list[bool] = []

    def work() -> None:
        with interruptible(lambda: None) as interrupted:
            seen.append(interrupted())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [False]


def test_instruments_go_to_files_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for all, or one for each; and no file twice what it is not."""
    for name in [name for name in os.environ if name.startswith("KNOTMETER_") and "__" in name]:
        monkeypatch.delenv(name)
    settings = load_settings()

    def instruments(*given: str) -> list[str | None]:
        return [file.instrument for file in source_files(settings, ["a.csv", "b.csv"], given)]

    assert instruments() == [None, None]
    assert instruments("A.X") == ["A.X", "A.X"]
    assert instruments("A.X", "B.X") == ["A.X", "B.X"]
    with pytest.raises(SettingsError, match="one for each of the 2, found 3"):
        instruments("A.X", "B.X", "C.X")


def test_settings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag is stronger."""
    source = registry.source().name
    monkeypatch.setenv(f"KNOTMETER_{source.upper()}__VENUE", "XNYS")

    assert load_settings()[source].venue == "XNYS"
    assert load_settings([f"{source}.venue=XCME"])[source].venue == "XCME"
