"""Who hears whom."""

from __future__ import annotations

from bus.merge import MARKET_DATA
from shared.wiring import lanes
from tests.fleet import toys

FLEET = [toys.SOURCE, toys.ASKER, toys.ANSWERER]


def test_lanes_follow_from_the_specs() -> None:
    """Each consumed topic gives a lane from its producer with the edge's delay; records give one too."""
    assert lanes(toys.ASKER, FLEET) == [(MARKET_DATA, 0), ("answerer", 250_000_000)]
    assert lanes(toys.ANSWERER, FLEET) == [(MARKET_DATA, 0), ("asker", 0)]
    assert lanes(toys.SOURCE, FLEET) == [(MARKET_DATA, 0)]


def test_a_producer_that_is_not_there_is_not_waited_for() -> None:
    """Without the answerer in the fleet the asker has no lane from it."""
    assert lanes(toys.ASKER, [toys.SOURCE, toys.ASKER]) == [(MARKET_DATA, 0)]
