"""Structured logs."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import structlog

from shared.clock import FixedClock
from shared.log import configure, get_logger


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_machines_get_one_json_object_a_line() -> None:
    """A line has time, level, engine and event first, then its own keys in alphabetical order."""
    stream = io.StringIO()
    configure("info", stream, FixedClock(1_000_000_001))

    get_logger(engine="toy").info("started", port=1, address="x")

    assert stream.getvalue() == (
        '{"timestamp":"1970-01-01T00:00:01.000000001Z","level":"info","engine":"toy","event":"started",'
        '"address":"x","port":1}\n'
    )


def test_equal_lines_are_equal_texts() -> None:
    """The order in which keys were given does not show."""
    stream = io.StringIO()
    configure("info", stream, FixedClock())
    get_logger(b=1, a=2).info("x", d=3, c=4)
    get_logger(a=2, b=1).info("x", c=4, d=3)

    first, second = stream.getvalue().splitlines()
    assert first == second


def test_people_get_a_readable_line() -> None:
    """At a terminal a line is no JSON, and has event and values in clear."""
    stream = Terminal()
    configure("info", stream, FixedClock())

    get_logger(engine="toy").warning("late", lag_seconds=2.5)

    line = stream.getvalue()
    assert not line.startswith("{")
    assert "late" in line
    assert "2.5" in line
    assert "1970-01-01T00:00:00" in line


def test_lines_below_the_level_are_not_written() -> None:
    """The level is the lowest one that shows."""
    stream = io.StringIO()
    configure("warning", stream, FixedClock())
    log = get_logger()
    log.info("quiet")
    log.error("loud")

    assert [msgspec.json.decode(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_numbers_of_any_make_can_be_logged() -> None:
    """NumPy values are plain numbers, NaN is null, and what has no JSON is shown as Python shows it."""
    stream = io.StringIO()
    configure("info", stream, FixedClock())
    get_logger().info("x", a=np.int64(3), b=np.array([1.0, 2.0]), c=float("nan"), d=complex(1, 2))

    line = msgspec.json.decode(stream.getvalue())
    assert (line["a"], line["b"], line["c"], line["d"]) == (3, [1.0, 2.0], None, "(1+2j)")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["machine", "person"])
def test_an_exception_is_told_without_local_variables(stream: io.StringIO) -> None:
    """A traceback names the error; what the failing function held stays private."""
    configure("info", stream, FixedClock())
    password = "hun" + "ter2"
    try:
        int(f"not {len(password)}")
    except ValueError:
        get_logger().exception("failed")

    assert "ValueError: invalid literal" in stream.getvalue()
    assert password not in stream.getvalue()


def test_lines_go_to_the_standard_error_of_the_moment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stream that was replaced after logging was set up gets the lines; the former one may be closed."""
    closed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", closed)
    configure("info", clock=FixedClock())
    monkeypatch.undo()
    closed.close()
    get_logger().info("still here")

    assert "still here" in capsys.readouterr().err
