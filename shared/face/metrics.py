"""Metrics of a process for Prometheus: what every engine has, and exactly what its spec declares.

They are read when they are asked for; nothing is counted twice, and no library is called for an event. The
latency histograms are the recorder's own arrays, so that a dashboard and ``/latency`` agree.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from bus.records import START_OF_TIME
from shared.clock import Clock
from shared.face.subject import Subject
from shared.latency import LatencySnapshot, Measure, MeasureSnapshot
from shared.spec import Metric

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

LATENCIES: Final = {
    "knotmeter_http_latency_seconds": (
        Measure.HTTP_LATENCY,
        "The engine's main query, first byte in to last byte out.",
    ),
    "knotmeter_reaction_time_seconds": (
        Measure.REACTION_TIME,
        "A frame or event read off the bus to its results handed to the bus.",
    ),
    "knotmeter_unit_cost_seconds": (
        Measure.UNIT_COST,
        "Reaction time over the units in its batch, weighted by units.",
    ),
}
"""Histograms; every rung is a bucket's edge."""


def _counter(name: str, text: str) -> Metric:
    return Metric(name=f"knotmeter_{name}_total", kind="counter", help=text)


def _gauge(name: str, text: str) -> Metric:
    return Metric(name=f"knotmeter_{name}", kind="gauge", help=text)


METRICS: Final = (
    _counter("messages_handled", "Records and events handled."),
    _counter("dead_letters", "Inputs set aside because they could not be handled."),
    _counter("messages_missing", "Records and events lost before they were read."),
    _gauge("lag_seconds", "Wall time less engine time, which is that of the last input."),
    _gauge("ready_processes", "1 if the process is ready, else 0."),
    _gauge("outbox_entries", "Publications kept to be said again if a server loses them."),
    _gauge("unacknowledged_entries", "Publications that no server has confirmed yet."),
    _counter("refused_entries", "Publications that the server had already."),
    _gauge("checkpoint_age_seconds", "Time since the last checkpoint."),
    _counter("checkpoints", "Checkpoints taken."),
    _counter("recoveries", "Servers that were lost and found again."),
    _gauge("stalled_seconds", "How long nothing could be published, for want of room or of a server."),
    _gauge("process_resident_memory_bytes", "Memory of the process that is in use."),
    _counter("process_cpu_seconds", "Processor time used, in user and system mode."),
)
"""Metrics of every engine besides the histograms; each has the label ``engine``."""

_STATM: Final = Path("/proc/self/statm")


class Metrics(Collector):
    """Collector of one process."""

    def __init__(self, subject: Subject, clock: Clock) -> None:
        self._subject = subject
        self._clock = clock

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        """All metrics now; one without a value, such as the lag of an idle engine, is left out."""
        spec = self._subject.spec
        labels = {"engine": spec.name}
        snapshot = self._subject.runtime.recorder.snapshot()
        for name, (measure, text) in LATENCIES.items():
            (counts,) = (one for one in snapshot.measures if one.measure is measure)
            yield _histogram(name, text, labels, snapshot, counts)
        yield from _families(METRICS, self._own(), labels)
        yield from _families(spec.metrics, self._subject.engine.measure(), {})

    def _own(self) -> dict[str, float]:
        """Values of `METRICS`."""
        runtime, vitals, now = self._subject.runtime, self._subject.vitals(), self._clock.now()
        values: dict[str, float | None] = {
            "messages_handled_total": runtime.n_handled,
            "dead_letters_total": runtime.n_dead_letters,
            "messages_missing_total": runtime.n_missing,
            "lag_seconds": _since(None if runtime.now == START_OF_TIME else runtime.now, now),
            "ready_processes": self._subject.readiness().ready,
            "outbox_entries": vitals.outbox_entries,
            "unacknowledged_entries": vitals.unacknowledged,
            "refused_entries_total": vitals.n_refused,
            "checkpoint_age_seconds": _since(vitals.checkpoint_ts_ns, now),
            "checkpoints_total": vitals.n_checkpoints,
            "recoveries_total": vitals.n_recoveries,
            "stalled_seconds": vitals.stalled_seconds,
            "process_resident_memory_bytes": resident_bytes(),
            "process_cpu_seconds_total": cpu_seconds(),
        }
        return {f"knotmeter_{name}": float(value) for name, value in values.items() if value is not None}


def registry_of(subject: Subject, clock: Clock) -> CollectorRegistry:
    """A registry of its own for one process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics(subject, clock))
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """Everything in a registry, as Prometheus reads it.

    The text is that of `prometheus_client.generate_latest`; but what stands before the value of a sample, the
    same from scrape to scrape, is put together once, for the event loop waits meanwhile.
    """
    lines = []
    for family in registry.collect():
        lines.append(_heading(family.name, family.type, family.documentation))
        lines += [
            f"{_label(sample.name, tuple(sample.labels.items()))} {_number(sample.value)}\n"
            for sample in family.samples
        ]
    return "".join(lines).encode()


@cache
def _heading(name: str, kind: str, text: str) -> str:
    name = f"{name}_total" if kind == "counter" else name
    return f"# HELP {name} {_escaped(text)}\n# TYPE {name} {kind}\n"


@lru_cache(maxsize=8_192)
def _label(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """Name and labels of a sample."""
    told = ",".join(f'{key}="{_escaped(value, quote=True)}"' for key, value in sorted(labels))
    return f"{name}{{{told}}}" if told else name


def _number(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # the library has no types there
    return text


def _escaped(text: str, *, quote: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quote else escaped


def _families(
    metrics: Iterable[Metric], values: Mapping[str, float], labels: Mapping[str, str]
) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    """Families of the metrics that are declared and have a value."""
    for metric in metrics:
        if metric.name not in values:
            continue
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=list(labels))
        family.add_metric(list(labels.values()), values[metric.name])
        yield family


def _histogram(
    name: str, text: str, labels: Mapping[str, str], snapshot: LatencySnapshot, measure: MeasureSnapshot
) -> HistogramMetricFamily:
    buckets, below = [], 0
    for edge, count in zip([*map(repr, snapshot.edges_seconds), "+Inf"], measure.counts, strict=True):
        below += count
        buckets.append((edge, below))
    family = HistogramMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), buckets, sum_value=measure.total_seconds)
    return family


def _since(then: int | None, now: int) -> float | None:
    return None if then is None else (now - then) / 1e9


def cpu_seconds() -> float:
    """Processor time used by this process, in user and system mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_bytes() -> float | None:
    """Memory in use; None where the system does not say."""
    if not _STATM.exists():
        return None
    return int(_STATM.read_text("ascii").split()[1]) * resource.getpagesize()
