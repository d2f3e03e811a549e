"""The latency recorder: three measures of an engine, counted in fixed arrays with edges on its rungs.

* ``http_latency``: the engine's main query, first byte in to last byte out;
* ``reaction_time``: a frame or event read off the bus to its results handed to the bus;
* ``unit_cost``: reaction time over the units in its batch, weighted by units.

The only place of the fleet that reads the performance counter. One observation is a bisection and three sums;
memory is fixed. Edges are 2^(1/4) apart, so a quantile is off by less than 19 % (`RELATIVE_ERROR`) above
10 ns and up to 60 s; whether it is at or below a rung is exact, because every rung is an edge.
"""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from shared.spec import Rungs

SMALLEST: Final = 10.0
"""Lowest edge, ns."""

LARGEST: Final = 60e9
"""Highest log-spaced edge, ns; what took longer shares one bucket."""

STEPS_PER_OCTAVE: Final = 4

RELATIVE_ERROR: Final = 2 ** (1 / STEPS_PER_OCTAVE) - 1
"""Largest relative error of a quantile above the lowest edge and up to the highest."""


class Measure(StrEnum):
    """What is measured."""

    HTTP_LATENCY = "http_latency"
    REACTION_TIME = "reaction_time"
    UNIT_COST = "unit_cost"


class MeasureSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One measure so far; figures are None while nothing was observed."""

    measure: Measure
    n_observations: int
    n_units: int
    mean_batch_size: float | None
    """Units in an observation; a unit cost says nothing without it."""
    largest_batch_size: int
    p50_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None
    total_seconds: float
    rung: str | None
    """Lowest rung reached: its target is at or above the median."""
    counts: tuple[int, ...]
    """Units in each bucket; one more than there are edges."""


class LatencySnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All measures of an engine at one moment."""

    edges_seconds: tuple[float, ...]
    """Upper edges of the buckets, inclusive, ascending."""
    rungs_seconds: dict[str, float]
    relative_error: float
    measures: tuple[MeasureSnapshot, ...]


class _Counts:
    """Observations of one measure."""

    __slots__ = ("largest_batch", "longest", "n_observations", "n_units", "nanoseconds", "units")

    def __init__(self, n_buckets: int) -> None:
        self.units = array("q", bytes(8 * n_buckets))
        self.n_observations = 0
        self.n_units = 0
        self.nanoseconds = 0
        self.longest = 0.0
        self.largest_batch = 0


def stopwatch() -> int:
    """Reading of the performance counter, ns; only differences mean anything."""
    return time.perf_counter_ns()


def bucket_edges(rungs: Rungs) -> tuple[float, ...]:
    """Upper edges of the buckets, ns: evenly spaced in the logarithm, and every rung."""
    n_steps = math.ceil(math.log2(LARGEST / SMALLEST) * STEPS_PER_OCTAVE)
    spaced = [SMALLEST * 2 ** (step / STEPS_PER_OCTAVE) for step in range(n_steps)]
    return tuple(sorted({*spaced, LARGEST, *_rung_nanoseconds(rungs).values()}))


class Recorder:
    """Latencies of one engine since it started.

    >>> recorder = Recorder(
    ...     Rungs(baseline=1920, kernel=192, accelerated=19.2, algorithm=1.92, ultimate=0.048)
    ... )
    >>> recorder.observe_batch(40_000, 10)
    >>> recorder.rung_reached(Measure.REACTION_TIME), recorder.rung_reached(Measure.UNIT_COST)
    ('kernel', 'accelerated')
    """

    def __init__(self, rungs: Rungs) -> None:
        self._rungs = _rung_nanoseconds(rungs)
        self._edges = bucket_edges(rungs)
        self._counts = {measure: _Counts(len(self._edges) + 1) for measure in Measure}

    def observe(self, measure: Measure, nanoseconds: int, units: int = 1) -> None:
        """Count work of this length on so many units: each unit took its even share."""
        counts = self._counts[measure]
        share = nanoseconds / units
        counts.units[bisect_left(self._edges, share)] += units
        counts.n_observations += 1
        counts.n_units += units
        counts.nanoseconds += nanoseconds
        if share > counts.longest:
            counts.longest = share
        if units > counts.largest_batch:
            counts.largest_batch = units

    def observe_batch(self, nanoseconds: int, units: int) -> None:
        """Count one reaction, and what it cost each of its units."""
        self.observe(Measure.REACTION_TIME, nanoseconds)
        self.observe(Measure.UNIT_COST, nanoseconds, units)

    def quantile(self, measure: Measure, q: float) -> float | None:
        """Latency, ns, that a fraction ``q`` of the units took at most; None while nothing was observed.

        Straight between the edges of its bucket, so off by less than `RELATIVE_ERROR`, and never across an
        edge: the comparison with a rung is exact.
        """
        counts = self._counts[measure]
        wanted = max(q * counts.n_units, 1)
        below = 0
        for bucket, count in enumerate(counts.units):
            if count and below + count >= wanted:
                low = self._edges[bucket - 1] if bucket else 0.0
                high = min(self._edge_above(bucket), counts.longest)
                return min(low + (high - low) * (wanted - below) / count, high)
            below += count
        return None

    def rung_reached(self, measure: Measure) -> str | None:
        """Name of the lowest rung at or above the median, None if the median is above all of them."""
        median = self.quantile(measure, 0.5)
        if median is None:
            return None
        reached = [(target, name) for name, target in self._rungs.items() if median <= target]
        return min(reached)[1] if reached else None

    def snapshot(self) -> LatencySnapshot:
        """All figures now."""
        return LatencySnapshot(
            edges_seconds=tuple(edge / 1e9 for edge in self._edges),
            rungs_seconds={name: target / 1e9 for name, target in self._rungs.items()},
            relative_error=RELATIVE_ERROR,
            measures=tuple(self._measure(measure) for measure in Measure),
        )

    def _measure(self, measure: Measure) -> MeasureSnapshot:
        counts = self._counts[measure]
        seen = counts.n_observations > 0
        return MeasureSnapshot(
            measure=measure,
            n_observations=counts.n_observations,
            n_units=counts.n_units,
            mean_batch_size=counts.n_units / counts.n_observations if seen else None,
            largest_batch_size=counts.largest_batch,
            p50_seconds=_seconds(self.quantile(measure, 0.5)),
            p99_seconds=_seconds(self.quantile(measure, 0.99)),
            max_seconds=counts.longest / 1e9 if seen else None,
            total_seconds=counts.nanoseconds / 1e9,
            rung=self.rung_reached(measure),
            counts=tuple(counts.units),
        )

    def _edge_above(self, bucket: int) -> float:
        return self._edges[bucket] if bucket < len(self._edges) else math.inf


def _rung_nanoseconds(rungs: Rungs) -> dict[str, float]:
    targets: Sequence[float | None] = msgspec.structs.astuple(rungs)
    names = rungs.__struct_fields__
    return {name: target * 1e3 for name, target in zip(names, targets, strict=True) if target is not None}


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9
