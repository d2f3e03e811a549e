"""What every process answers of itself: alive, ready, state, declaration, latency and metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from bus.records import START_OF_TIME
from bus.topics import Topic
from shared.clock import Clock
from shared.face.answer import HEADERS, answer
from shared.face.answers import CommandAbout, Declaration, Edge, Health, State
from shared.face.metrics import MEDIA_TYPE, exposition, registry_of
from shared.face.routes import Routes
from shared.face.subject import Readiness, Subject
from shared.latency import LatencySnapshot
from shared.spec import EngineSpec

MOST_ROWS: Final = 256
"""Instruments up to which the summary is made for ``/state``; beyond, it would take the loop too long."""


def routes_of(subject: Subject, clock: Clock) -> Routes:
    """Routes of one process."""
    routes = Routes()
    registry = registry_of(subject, clock)

    @routes.query("/health", Health, summary="Whether the process is alive")
    async def health(request: Request) -> Response:
        return answer(request, Health())

    @routes.query("/ready", Readiness, summary="Whether its figures are up to date")
    async def ready(request: Request) -> Response:
        """Kernels compiled, buses connected, caught up: 200. Otherwise 503, with the phase and the reason."""
        readiness = subject.readiness()
        return answer(
            request, readiness, HTTPStatus.OK if readiness.ready else HTTPStatus.SERVICE_UNAVAILABLE
        )

    @routes.query("/metrics", MEDIA_TYPE, summary="Metrics for Prometheus")
    async def metrics() -> Response:
        return Response(exposition(registry), headers=HEADERS, media_type=MEDIA_TYPE)

    @routes.query("/spec", Declaration, summary="What the engine declares of itself")
    async def spec(request: Request) -> Response:
        return answer(request, declaration(subject.spec))

    @routes.query("/latency", LatencySnapshot, summary="Its three latency measures against five rungs")
    async def latency(request: Request) -> Response:
        return answer(request, subject.runtime.recorder.snapshot())

    @routes.query("/state", State, summary="How the engine is doing")
    async def state(request: Request, *, summary: Annotated[bool, Query()] = True) -> Response:
        """Counts, times, and a summary with a row for each thing a person would ask about first."""
        return answer(request, state_of(subject, clock, summary=summary))

    return routes


def declaration(spec: EngineSpec) -> Declaration:
    """A spec as it is shown."""
    return Declaration(
        name=spec.name,
        question=spec.question,
        port=spec.port,
        consumes=[_edge(edge.topic, edge.delay) for edge in spec.inputs],
        publishes=[_edge(topic) for topic in spec.publishes],
        metrics=list(spec.metrics),
        rungs=spec.rungs,
        unit_of_work=spec.unit_of_work,
        memory_mb=spec.memory_mb,
        main_query=spec.main_query,
        commands=[CommandAbout(name=command.name, about=command.about) for command in spec.commands],
    )


def state_of(subject: Subject, clock: Clock, *, summary: bool) -> State:
    """How an engine is doing now."""
    runtime, readiness = subject.runtime, subject.readiness()
    seen = runtime.now != START_OF_TIME
    n_instruments = len(subject.engine.instruments)
    few = n_instruments <= MOST_ROWS
    told = f"expected at most {MOST_ROWS} instruments, found {n_instruments}; ask the routes under /v1"
    return State(
        name=subject.spec.name,
        phase=readiness.phase,
        ready=readiness.ready,
        reason=readiness.reason,
        n_handled=runtime.n_handled,
        n_dead_letters=runtime.n_dead_letters,
        n_missing=runtime.n_missing,
        now=runtime.now if seen else None,
        watermark=None if runtime.watermark == START_OF_TIME else runtime.watermark,
        lag_seconds=(clock.now() - runtime.now) / 1e9 if seen else None,
        vitals=subject.vitals(),
        summary=subject.engine.summary() if summary and few else None,
        summary_reason=None if summary and few else told if summary else "not asked for",
    )


def _edge(topic: Topic, delay: int = 0) -> Edge:
    return Edge(topic=topic.name, bus=topic.bus.value, about=topic.about, delay_seconds=delay / 1e9)
