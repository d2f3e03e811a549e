"""vpin over HTTP: toxicity and buckets of the state, and the same computations on data that is sent."""

from __future__ import annotations

from services.vpin.api import classify, computation, estimate, queries
from services.vpin.engine import Vpin
from shared.face.routes import Routes


def router(engine: Vpin) -> Routes:
    """Everything that vpin answers."""
    routes = Routes()
    for part in (queries.routes_of(engine), computation.routes(), estimate.routes(), classify.routes()):
        routes.extend(part)
    return routes


def warm() -> None:
    """Compile the kernels of the computations that the bus does not use."""
    estimate.warm()
    classify.warm()
