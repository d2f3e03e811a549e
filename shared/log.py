"""Structured logs: JSON lines for machines, one readable line for people at a terminal.

    configure("info")
    log = get_logger(engine="features")
    log.info("started", port=8500)

Every line has ``timestamp``, ``level``, ``engine`` where there is one, and ``event``, in that order, then its
own keys in alphabetical order: equal lines are equal texts.
"""

from __future__ import annotations

import io
import sys
from typing import Any, Final, TextIO, cast

import msgspec
import numpy as np
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.clock import Clock, WallClock, utc_text

_FIRST: Final = ("timestamp", "level", "engine", "event")


def configure(level: int | str = "info", stream: TextIO | None = None, clock: Clock | None = None) -> None:
    """Set up logging of this process; the last call wins.

    Args:
        level: lowest level that is written, by name or number.
        stream: where to; the standard error stream if not given.
        clock: what stamps the lines; the wall clock if not given.
    """
    out: TextIO = stream or cast(TextIO, _StandardError())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamp(clock or WallClock()),
            _in_order,
            *(_for_people() if out.isatty() else _for_machines()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def get_logger(**context: Any) -> Any:
    """Logger whose lines carry this context, such as ``engine``; of warnings where nothing was set up."""
    if not structlog.is_configured():
        configure("warning")
    return structlog.get_logger(**context)


class _StandardError(io.TextIOBase):
    """The standard error stream of the moment, which may be replaced after logging was set up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


def _stamp(clock: Clock) -> Processor:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["timestamp"] = utc_text(clock.now())
        return event

    return stamp


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    first = {key: event[key] for key in _FIRST if key in event}
    return first | {key: event[key] for key in sorted(event) if key not in first}


def _for_people() -> list[Processor]:
    # The default formatter prints local variables, which may hold what a log must not.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(sort_keys=False, exception_formatter=plain)]


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]


def _to_json(event: EventDict, **_options: Any) -> str:
    return msgspec.json.encode(event, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return repr(value)
