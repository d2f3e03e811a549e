"""Metrics for Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from shared.clock import FixedClock
from shared.face.metrics import LATENCIES, METRICS, exposition, registry_of
from shared.face.subject import Vitals
from shared.latency import Measure
from tests.shared.face.faces import LAST, NOW, SPEC, ToySubject, face, get


class Still(Collector):
    """Families that stay as they are."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


Samples = dict[str, list[tuple[dict[str, str], float]]]


def samples(subject: ToySubject) -> Samples:
    """Samples by name, read by Prometheus's own parser."""
    answer = get(face(subject), "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_exactly_what_is_declared_is_exported() -> None:
    """Every name is a common metric, a histogram or one of the spec, and all of these are there."""
    subject = ToySubject()
    subject.hear(3)
    names = set(samples(subject))
    histograms = {f"{name}_{part}" for name in LATENCIES for part in ("bucket", "count", "sum")}

    assert names == {metric.name for metric in (*METRICS, *SPEC.metrics)} | histograms


def test_the_text_is_that_of_the_library() -> None:
    """Byte for byte what ``prometheus_client`` writes, also where names and values need escaping."""
    subject = ToySubject()
    subject.hear(3)
    subject.runtime.recorder.observe_batch(40_000, 10)
    odd = GaugeMetricFamily("knotmeter_odd", 'A "text"\\ of\ntwo lines.', labels=["b", "a"])
    for number, value in enumerate((0.0, -1.5, 1e16, 1e-9, float("inf"), float("nan"))):
        odd.add_metric(['quote " and \\', f"line\n{number}"], value)
    still = CollectorRegistry(auto_describe=False)
    families: list[Metric] = [odd, *registry_of(subject, FixedClock(NOW)).collect()]
    still.register(Still(families))

    assert exposition(still).decode() == generate_latest(still).decode()


def test_names_tell_thing_and_unit() -> None:
    """All begin with ``knotmeter_``; counters, and they alone, end with ``_total``."""
    for metric in (*METRICS, *SPEC.metrics):
        assert re.fullmatch(r"knotmeter(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")


def test_values_are_those_of_process_and_engine() -> None:
    """Counts, lag, age of the checkpoint, memory, and what the engine measures."""
    subject = ToySubject()
    subject.hear(3)
    found = {name: values[0][1] for name, values in samples(subject).items()}

    assert found["knotmeter_messages_handled_total"] == 3
    assert found["knotmeter_lag_seconds"] == (NOW - LAST) / 1e9
    assert found["knotmeter_checkpoint_age_seconds"] == 5
    assert found["knotmeter_outbox_entries"] == 7
    assert found["knotmeter_ready_processes"] == 1
    assert found["knotmeter_tally_trades_total"] == 3
    assert found["knotmeter_process_resident_memory_bytes"] > 1e6
    assert found["knotmeter_process_cpu_seconds_total"] > 0


def test_what_has_no_value_is_left_out() -> None:
    """Before the first input there is no lag, and before the first checkpoint it has no age; no number is."""
    subject = ToySubject()
    subject.health = Vitals()

    assert not {"knotmeter_lag_seconds", "knotmeter_checkpoint_age_seconds"} & set(samples(subject))


def test_histograms_are_the_recorders_own() -> None:
    """Every rung is an edge; counts ascend to the count of all; sums are seconds; the engine is a label."""
    subject = ToySubject()
    subject.runtime.recorder.observe_batch(40_000, 10)
    subject.runtime.recorder.observe(Measure.HTTP_LATENCY, 2_000)
    found = samples(subject)

    edges = {labels["le"] for labels, _ in found["knotmeter_unit_cost_seconds_bucket"]}
    assert {"0.001", "0.0001", "1e-05", "1e-06", "1e-07", "+Inf"} <= edges
    counts = [value for _, value in found["knotmeter_unit_cost_seconds_bucket"]]
    assert counts == sorted(counts)
    assert found["knotmeter_unit_cost_seconds_count"] == [({"engine": "tally"}, 10)]
    assert found["knotmeter_reaction_time_seconds_sum"] == [({"engine": "tally"}, 4e-5)]
    at_most = {labels["le"]: value for labels, value in found["knotmeter_http_latency_seconds_bucket"]}
    assert (at_most["1e-06"], at_most["1e-05"]) == (0, 1)
