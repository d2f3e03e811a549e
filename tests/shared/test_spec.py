"""What an engine declares."""

from __future__ import annotations

import pytest

from bus.topics import CLOCK, TOXICITY, TRADE, Bus
from shared.spec import EngineSpec, Rungs

RUNGS = Rungs(baseline=5, kernel=4, accelerated=3, algorithm=2, ultimate=1)
TOY = EngineSpec(
    name="toy",
    question="What?",
    port=1,
    consumes=(TRADE, CLOCK, TOXICITY.after(0.25)),
    rungs=RUNGS,
    unit_of_work="thing",
    memory_mb=1,
)


def test_edges_carry_their_delay() -> None:
    """A topic alone is an edge without delay; a declared delay is in nanoseconds."""
    assert [(edge.topic.name, edge.delay) for edge in TOY.inputs] == [
        ("trade", 0),
        ("clock", 0),
        ("toxicity", 250_000_000),
    ]


def test_record_kinds_are_those_of_market_data() -> None:
    """Events are not records."""
    assert TOY.record_kinds == {"trade", "clock"}


@pytest.mark.parametrize(
    ("publishes", "is_source"),
    [((), False), ((TOXICITY,), False), ((TRADE,), True), ((TOXICITY, CLOCK), True)],
)
def test_a_source_is_who_fills_market_data(publishes: tuple[object, ...], *, is_source: bool) -> None:
    """Publishing any record kind makes an engine a source."""
    spec = EngineSpec(
        name="toy",
        question="What?",
        port=1,
        publishes=publishes,  # type: ignore[arg-type]
        rungs=RUNGS,
        unit_of_work="thing",
        memory_mb=1,
    )

    assert spec.is_source is is_source


def test_a_spec_is_frozen() -> None:
    """Nobody changes a declaration."""
    with pytest.raises(AttributeError):
        TOY.port = 2  # type: ignore[misc]
    assert TRADE.bus is Bus.MARKET_DATA
