"""Which command runs, and what becomes of its errors."""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from bus.errors import BusError, CheckpointError
from bus.redis.errors import AccessRefusedError, ServerUnavailableError
from bus.server import ServerError
from knotmeter import __version__
from knotmeter.cli.arguments import Parser, nearest
from shared.errors import KnotmeterError, SettingsError
from shared.log import configure

COMMANDS: Final[Mapping[str, str]] = {
    "up": "run a fleet: two servers, the engines, the recorder",
    "down": "stop the fleet of a folder",
    "status": "say how a running fleet is doing",
    "top": "watch a running fleet: rates, lags, latencies and their targets",
    "tail": "follow a bus of a running fleet",
    "dead-letters": "list inputs that engines set aside, and have them tried again",
    "halt": "have the engines that send orders send no more",
    "resume": "let halted engines send orders again",
    "replay": "run market data files through all engines",
    "export": "make the results of a session from its recording",
    "inspect": "say what a data file is and write the settings to use it",
    "sample": "write a seeded sample session to try things with",
    "settings": "list the settings of the engines and of the fleet",
    "engines": "list the engines: question, inputs, outputs, latency targets",
    "engine": "run one engine as a process of a fleet",
    "recorder": "run the recorder as a process of a fleet",
    "warm": "compile the kernels ahead of their first use",
    "doctor": "check this machine and say how to mend what is wrong",
}
"""Commands with one line of help; each is a module beside this one."""

DEBUG: Final = "KNOTMETER_DEBUG"
"""Environment variable that asks for tracebacks."""

LOG: Final = "KNOTMETER_LOG"
"""Environment variable that names the lowest level of log lines, which go to standard error."""

LEVELS: Final = ("debug", "info", "warning", "error")

_STATUS: Final = f"""
exit status: 0 done, 1 a fault of ours or a problem found, 2 something for you
to mend, 130 interrupted. {DEBUG}=1 shows tracebacks;
{LOG}=info shows log lines ({", ".join(LEVELS)})."""

_YOURS: Final = (CheckpointError, AccessRefusedError, ServerError)
"""Errors of a bus that the user can mend."""

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""


def run(argv: list[str]) -> int:
    """Run the command that the arguments name; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character still gets the line
    try:
        return guarded(lambda: _set_up_and_dispatch(argv))
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 2
    finally:
        sys.stdout.flush()


def guarded(command: Callable[[], int]) -> int:
    """Run a command; whatever goes wrong is told in a sentence and becomes its exit status."""
    try:
        return command()
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except ServerUnavailableError as error:
        return _fail(str(error), 1)
    except (KnotmeterError, OSError) as error:
        is_fault = isinstance(error, BusError) and not isinstance(error, _YOURS)
        return _fault(error) if is_fault else _fail(str(error), 2)
    except Exception as error:  # noqa: BLE001 - the last boundary: people get a sentence, developers a traceback
        return _fault(error)


def _set_up_and_dispatch(argv: list[str]) -> int:
    _set_up_logs()
    return _dispatch(argv)


def _set_up_logs() -> None:
    level = os.environ.get(LOG, LEVELS[2])
    if level not in LEVELS:
        raise SettingsError([f"`{LOG}`: expected one of {', '.join(LEVELS)}, found {level!r}"])
    configure(level)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0].startswith("-"):
        overview = _overview()
        overview.read(argv)
        overview.print_help(sys.stderr)
        return 2
    name, *rest = argv
    if name not in COMMANDS:
        _overview().error(f"unknown command `{name}`{nearest(name, list(COMMANDS))}")
    module: Any = importlib.import_module(f"knotmeter.cli.{name.replace('-', '_')}")
    parser = Parser(f"knotmeter {name}", module.__doc__, module.examples())
    module.add_arguments(parser)
    status: int = module.run(parser.read(rest))
    return status


def _overview() -> Parser:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, about in COMMANDS.items()]
    parser = Parser(
        "knotmeter",
        "A fleet of small real-time trading-analytics engines; paper trading only.",
        "\n".join(
            ["commands:", *lines, "", "`knotmeter COMMAND --help` tells more, with examples.", _STATUS]
        ),
    )
    parser.usage = "knotmeter COMMAND [ARGUMENT ...]"
    parser.add_argument("--version", action="version", version=f"knotmeter {__version__}")
    return parser


def _fault(error: Exception) -> int:
    found = f"a fault in Knotmeter, not in what you gave it: {type(error).__name__}: {error}"
    return _fail(f"{found}\nPlease report it with the traceback that {DEBUG}=1 shows.", 1)


def _fail(message: str, status: int) -> int:
    if os.environ.get(DEBUG) == "1":
        traceback.print_exc()
    sys.stderr.write(f"knotmeter: {message}\n")
    return status
