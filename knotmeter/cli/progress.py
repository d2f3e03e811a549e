"""How far a run has got: a bar at a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from knotmeter.cli.terminal import seconds
from shared.clock import monotonic_ns

INTERVAL: Final = 10_000_000_000
"""Time between two plain lines, ns."""


class HasProgress(Protocol):
    """Whoever knows how much is done."""

    @property
    def n_records(self) -> int | None:
        """Records in all, None if that is not known."""

    @property
    def progress(self) -> float:
        """Fraction done, 0 to 1."""


class Meter:
    """Shows progress on a console; used as a context."""

    def __init__(
        self, console: Console, feed: HasProgress, *, quiet: bool = False, label: str = "replay"
    ) -> None:
        self._label = label
        self._console = console
        self._feed = feed
        self._quiet = quiet
        self._first: tuple[int, int, float] | None = None
        self._spoken = monotonic_ns()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[records]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=1.0, records="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def on_chunk(self, position: int) -> None:
        """Told the records so far after each chunk; the first, which compiles, does not count in the rate."""
        now, n_records = monotonic_ns(), self._feed.n_records
        done = self._feed.progress if n_records is None else position / max(n_records, 1)
        if self._first is None:
            self._first = now, position, done
        then, first, done_then = self._first
        elapsed = (now - then) / 1e9
        records = f"{position:,} records"
        if elapsed > 0:
            records += f"  {(position - first) / elapsed:,.0f}/s"
        if not self._bar.disable:
            self._bar.update(self._task, completed=done, records=records)
        elif not self._quiet and now - self._spoken >= INTERVAL:
            self._spoken = now
            moving = done_then < done < 1
            left = f"  {seconds(elapsed * (1 - done) / (done - done_then))} left" if moving else ""
            self._console.print(f"{self._label}: {done:.0%}  {records}{left}", soft_wrap=True)
