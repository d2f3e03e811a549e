"""The application: everything a process answers over HTTP, put together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from shared import registry
from shared.clock import Clock, WallClock
from shared.face import commands, letters, refusals, standing
from shared.face.access import guard
from shared.face.answer import HEADERS, JSON, encode, encoded
from shared.face.body import Bodies
from shared.face.docs_page import HEADERS as PAGE_HEADERS
from shared.face.docs_page import docs_page
from shared.face.openapi import document
from shared.face.routes import Routes
from shared.face.subject import Subject
from shared.face.turns import Computations
from shared.fleet_settings import HttpSettings

VERSION: Final = version("knotmeter")


class Face(FastAPI):
    """An application of declared routes, with documentation, problems, bounds and a guard.

    Args:
        title: name of the process.
        about: what it answers, one line.
        settings: bounds and token.
        parts: routes, in the order in which they are documented.
    """

    def __init__(self, title: str, about: str, settings: HttpSettings, parts: Sequence[Routes]) -> None:
        super().__init__(
            title=title,
            version=VERSION,
            description=about,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
        )
        self.declared = Routes()
        for part in parts:
            self.declared.extend(part)
        self.state.bodies = Bodies(settings.max_body_bytes)
        self.state.computations = Computations()
        refusals.install(self)
        self.declared.serve_in(self, guard(settings.api_token))
        self.add_api_route("/openapi.json", self._document, include_in_schema=False)
        self.add_api_route("/docs", self._page, include_in_schema=False)

    @cached_property
    def whole_document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return document(self.title, self.version, self.description, self.routes, self.declared.routes)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return self.whole_document

    async def _document(self) -> Response:
        return encoded(encode(self.whole_document, JSON))

    async def _page(self) -> Response:
        return HTMLResponse(docs_page(self.whole_document), headers=HEADERS | PAGE_HEADERS)


def build(
    subject: Subject,
    settings: HttpSettings,
    *,
    routes: Routes | None = None,
    clock: Clock | None = None,
) -> Face:
    """The application of an engine's process.

    Args:
        subject: the process.
        settings: bounds and token.
        routes: the engine's own routes; those of its ``api`` if not given.
        clock: what lags and ages are told by; the wall clock if not given.
    """
    spec, now = subject.spec, clock or WallClock()
    own = routes_of_engine(subject) if routes is None else routes
    own.keep_until(lambda: (subject.runtime.n_handled, id(subject.engine.state)))
    parts = [own, commands.routes_of(subject), letters.routes_of(subject), standing.routes_of(subject, now)]
    return Face(spec.name, spec.question, settings, parts)


def routes_of_engine(subject: Subject) -> Routes:
    """Routes that an engine's ``api`` declares; none if it has no such part."""
    name = subject.spec.name
    if name not in registry.engines() or find_spec(f"{registry.PACKAGE}.{name}.api") is None:
        return Routes()
    routes: Routes = registry.part(name, "api").router(subject.engine)
    return routes


def warm(name: str) -> None:
    """Compile what the computations of an engine's ``api`` need, so that the first request does not wait."""
    if find_spec(f"{registry.PACKAGE}.{name}.api") is not None:
        registry.part(name, "api").warm()
