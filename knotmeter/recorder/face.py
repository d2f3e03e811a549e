"""The recorder's HTTP face: alive, ready, how far it has got, and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from knotmeter.recorder.process import RecorderProcess
from knotmeter.recorder.vitals import RecorderVitals
from shared.face.answer import HEADERS, answer
from shared.face.answers import Health
from shared.face.app import Face
from shared.face.metrics import MEDIA_TYPE, cpu_seconds, exposition, resident_bytes
from shared.face.routes import Routes
from shared.face.subject import Readiness
from shared.fleet_settings import RECORDER, HttpSettings

QUESTION: Final = "What has happened, message by message?"


def build(process: RecorderProcess, settings: HttpSettings) -> Face:
    """The application of the recorder's process."""
    routes = Routes()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(process))

    @routes.query("/health", Health, summary="Whether the process is alive")
    async def health(request: Request) -> Response:
        return answer(request, Health())

    @routes.query("/ready", Readiness, summary="Whether what is on the buses is being recorded")
    async def ready(request: Request) -> Response:
        readiness = process.readiness()
        status = HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return answer(request, readiness, status)

    @routes.query("/state", RecorderVitals, summary="How far the recording has got")
    async def state(request: Request) -> Response:
        return answer(request, process.vitals())

    @routes.query("/metrics", MEDIA_TYPE, summary="Metrics for Prometheus")
    async def metrics() -> Response:
        return Response(exposition(registry), headers=HEADERS, media_type=MEDIA_TYPE)

    return Face(RECORDER, QUESTION, settings, [routes])


class _Metrics(Collector):
    """Collector of the recorder."""

    def __init__(self, process: RecorderProcess) -> None:
        self._process = process

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """All metrics now."""
        vitals = self._process.vitals()
        counts = {
            "recorder_records": ("Market records recorded.", sum(vitals.n_records.values())),
            "recorder_events": ("Numbered events recorded.", sum(vitals.n_events.values())),
            "recorder_dead_letters": ("Entries that could not be decoded.", vitals.n_dead_letters),
            "recorder_messages_missing": ("Sequences never seen.", vitals.n_missing),
            "recorder_flushes": ("Additions to the recording.", vitals.n_checkpoints),
            "recorder_recoveries": ("Servers lost and found again.", vitals.n_recoveries),
        }
        for name, (text, value) in counts.items():
            yield CounterMetricFamily(f"knotmeter_{name}", text, value)
        yield CounterMetricFamily(
            "knotmeter_process_cpu_seconds", "Processor time used, in user and system mode.", cpu_seconds()
        )
        if (resident := resident_bytes()) is not None:
            yield GaugeMetricFamily(
                "knotmeter_process_resident_memory_bytes", "Memory in use by the process.", resident
            )
        yield GaugeMetricFamily("knotmeter_recorder_bytes", "Length of its files.", vitals.n_bytes)
        yield GaugeMetricFamily("knotmeter_recorder_segments", "Files of the recording.", vitals.n_segments)
        yield GaugeMetricFamily(
            "knotmeter_recorder_stalled_seconds", "How long the disk refused.", vitals.stalled_seconds
        )
