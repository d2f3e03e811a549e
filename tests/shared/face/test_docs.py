"""The OpenAPI document and the page that is made from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from shared.face.openapi import document
from tests.shared.face.faces import ToySubject, face, get


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The document of the toy."""
    found: dict[str, Any] = get(face(ToySubject()), "/openapi.json").json()
    return found


def references(node: Any) -> list[str]:
    """Everything that a document refers to."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_route_is_documented(openapi: dict[str, Any]) -> None:
    """Those of the engine, of its commands, of dead letters, and of every process."""
    operations = {(method, path) for path, methods in openapi["paths"].items() for method in methods}

    assert {
        ("get", "/v1/tally"),
        ("get", "/v1/tally/{name}"),
        ("post", "/v1/sum"),
        ("post", "/v1/commands/limit"),
        ("post", "/v1/dead-letters/{number}/redrive"),
        ("get", "/health"),
        ("get", "/metrics"),
    } <= operations


def test_types_of_documents_and_answers_are_ours(openapi: dict[str, Any]) -> None:
    """Schemas come from the structs; every reference leads somewhere; problems are told by their status."""
    total = openapi["paths"]["/v1/sum"]["post"]

    assert total["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Numbers"},
        "example": {"numbers": [1.0, 2.5]},
    }
    assert set(total["responses"]) == {"200", "413", "415", "422", "503"}
    assert openapi["components"]["schemas"]["Numbers"]["properties"]["numbers"]["maxItems"] == 1_000
    for reference in references(openapi):
        node = openapi
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_what_a_request_does_is_told(openapi: dict[str, Any]) -> None:
    """Reads, computes or changes; what changes something wants the token."""
    paths = openapi["paths"]

    assert paths["/v1/tally"]["get"]["x-effect"] == "reads"
    assert paths["/v1/sum"]["post"]["x-effect"] == "computes"
    assert "security" not in paths["/v1/sum"]["post"]
    assert paths["/v1/commands/clear"]["post"]["security"] == [{"token": []}]


def test_parameters_are_told(openapi: dict[str, Any]) -> None:
    """Those in the path and those behind the question mark, with types and defaults."""
    (scale,) = openapi["paths"]["/v1/tally"]["get"]["parameters"]
    assert (scale["in"], scale["schema"]["default"]) == ("query", 1)
    (name,) = openapi["paths"]["/v1/tally/{name}"]["get"]["parameters"]
    assert (name["name"], name["in"], name["required"]) == ("name", "path", True)


def test_the_document_can_be_made_of_nothing() -> None:
    """A face without routes has a document too."""
    assert document("empty", "1", "", [], [])["paths"] == {}


class Links(HTMLParser):
    """Collects what a page loads or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note elements that load something."""
        if tag in ("script", "img", "link", "iframe", "object"):
            self.found.append(tag)
        self.found += [value for name, value in attrs if name in ("src", "href") and value and "//" in value]


def test_the_page_needs_no_other_host() -> None:
    """It loads nothing, runs nothing, and tells the browser to hold it to that."""
    answer = get(face(ToySubject()), "/docs")
    links = Links()
    links.feed(answer.text)

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert links.found == []
    assert not re.search(r"@import|url\(", answer.text)


def test_the_page_has_every_operation() -> None:
    """With a link to each, its parameters, schemas and examples."""
    page = get(face(ToySubject()), "/docs").text

    assert '<a href="#post-v1-sum">' in page
    assert '<h2 id="post-v1-sum">' in page
    assert "<code>scale</code>" in page
    assert "&quot;maxItems&quot;: 1000" in page
    assert "Count no further than this." in page
