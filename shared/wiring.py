"""Who hears whom: the lanes of every engine, derived from the specs.

Optimisation switches that choose an implementation belong here too, so that kernels, engines and buses have
none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bus.merge import MARKET_DATA
from bus.topics import Bus, Input
from shared.spec import EngineSpec


def lanes(spec: EngineSpec, fleet: Iterable[EngineSpec]) -> list[tuple[str, int]]:
    """Lanes (source, delay) of one engine in this fleet; a source that reads feeds has none.

    An engine whose producer is not part of the fleet simply never hears that topic.
    """
    if spec.is_source:
        return [(MARKET_DATA, 0)]
    found = {(producer, edge.delay) for edge in spec.inputs for producer in _producers(edge, fleet)}
    if spec.record_kinds:
        found.add((MARKET_DATA, 0))
    return sorted(found)


def loop_of(spec: EngineSpec, fleet: Iterable[EngineSpec]) -> frozenset[str]:
    """Other engines that hear this one and are heard by it, directly or through others."""
    hears = {other.name: {source for source, _ in lanes(other, fleet)} for other in fleet}
    above = _reached(spec.name, hears)
    return frozenset(name for name in above if name in hears and spec.name in _reached(name, hears)) - {
        spec.name
    }


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _producers(edge: Input, fleet: Iterable[EngineSpec]) -> list[str]:
    if edge.topic.bus is Bus.MARKET_DATA:
        return []
    return [spec.name for spec in fleet if any(topic.name == edge.topic.name for topic in spec.publishes)]
