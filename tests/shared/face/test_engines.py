"""The face of every registered engine: a new one is put through this by being a folder."""

from __future__ import annotations

from typing import Any

import pytest

from shared import registry
from shared.clock import FixedClock
from shared.face.app import Face, build, warm
from shared.fleet_settings import HttpSettings
from shared.runtime import Runtime
from shared.wiring import lanes
from tests.shared.face.faces import ToySubject, get, post

each_engine = pytest.mark.parametrize("name", list(registry.engines()))


def face(name: str) -> Face:
    """The application of an engine that has heard nothing yet."""
    specs = registry.engines()
    subject = ToySubject()
    subject.spec = specs[name]
    engine = registry.create(name, registry.config_type(name)())
    subject.runtime = Runtime(subject.spec, engine, lanes(subject.spec, specs.values()), FixedClock(), 64)
    vars(subject)["engine"] = engine
    return build(subject, HttpSettings())


@each_engine
def test_the_main_query_is_a_view(name: str) -> None:
    """It answers the engine's question at once, and before the first record too."""
    app = face(name)
    main_query = registry.engines()[name].main_query

    assert main_query in app.declared.views
    assert app.declared.views[main_query].parameters == ()
    assert get(app, main_query).status_code == 200


@each_engine
def test_every_process_answers_the_same_of_itself(name: str) -> None:
    """Alive, ready, spec, latency, state, metrics, documentation, dead letters."""
    app = face(name)

    for path in ("/health", "/ready", "/spec", "/latency", "/state", "/metrics", "/docs", "/openapi.json"):
        assert get(app, path).status_code == 200
    assert get(app, "/v1/dead-letters").json() == {"n_dead_letters": 0, "dead_letters": []}
    assert get(app, "/spec").json()["name"] == name


@each_engine
def test_every_route_is_documented_and_every_example_is_answered(name: str) -> None:
    """What the page shows as a request is one, and what a route does is said."""
    app = face(name)
    paths: dict[str, Any] = get(app, "/openapi.json").json()["paths"]

    assert {(route.method.lower(), route.path) for route in app.declared.routes} == {
        (method, path) for path, methods in paths.items() for method in methods
    }
    for path, methods in paths.items():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            assert operation["summary"]
            assert operation["x-effect"] in ("reads", "computes", "changes")
            if operation["x-effect"] == "computes":
                assert post(app, path, json=content["example"]).status_code == 200


@each_engine
def test_computations_can_be_compiled_ahead(name: str) -> None:
    """So that the first request does not wait; it fails nowhere."""
    warm(name)
