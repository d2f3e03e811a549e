"""One process of a fleet: its start, its end, and its return after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from knotmeter.fleet.folder import MemberFile
from shared.clock import monotonic_ns

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
"""Seconds between a crash and the next start: doubling from the first to the longest."""

STEADY_SECONDS: Final = 10.0
"""A process that lived for so long is started again at once."""

STOP_SECONDS: Final = 10.0
"""It must be gone within this after it was asked to go."""

UNUSABLE: Final = 2
"""Exit status of a process that was given something it cannot start with."""

_LOG_LINES: Final = 3
_KEPT_LOG_BYTES: Final = 16 * 1024 * 1024


class Member:
    """A process that is started again when it crashes."""

    def __init__(
        self, file: MemberFile, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.file = file
        self.n_starts = 0
        self.log = log
        self._arguments = [sys.executable, "-m", "knotmeter", *arguments]
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._process: asyncio.subprocess.Process | None = None
        self._owner = -1
        self._started = 0
        self._pause = 0.0
        self._again_at = 0

    @property
    def name(self) -> str:
        """Name of the engine, or of the recorder."""
        return self.file.name

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def status(self) -> int | None:
        """Exit status of the last run, None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        """Start the process; it stops by itself when this one is gone."""
        self._close_owner()
        if self.log.exists() and self.log.stat().st_size > _KEPT_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        reading, self._owner = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    stdin=reading,
                    stdout=log,
                    stderr=log,
                    env=dict(self._environment),
                    start_new_session=True,  # Ctrl-C is for the supervisor, which stops the fleet in order
                )
        finally:
            os.close(reading)
        self.n_starts += 1
        self._started = monotonic_ns()
        self._again_at = 0

    async def restart_if_due(self) -> bool:
        """Start it again if it has crashed and its pause is over; returns whether it was started."""
        if self.pid is not None:
            return False
        now = monotonic_ns()
        if not self._again_at:
            lived = (now - self._started) / 1e9
            self._pause = (
                FIRST_PAUSE
                if lived > STEADY_SECONDS
                else min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
            )
            self._again_at = now + round(self._pause * 1e9)
        if now < self._again_at:
            return False
        await self.start()
        return True

    async def stop(self) -> bool:
        """Ask it to end and wait; False if it had to be killed."""
        process = self._process
        in_order = True
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # one that was stopped by a signal would never see the other
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                in_order = False
                process.kill()
                await process.wait()
        self._close_owner()
        return in_order

    def last_words(self) -> str:
        """Last lines of its log."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return " | ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip()) or "nothing"

    def _close_owner(self) -> None:
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1
