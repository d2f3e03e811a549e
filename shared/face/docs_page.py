"""The documentation page: one file of HTML, made from the OpenAPI document, that asks no other host."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

MEDIA_TYPE: Final = "text/html; charset=utf-8"

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
}
"""The page runs nothing and loads nothing."""

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h2 { border-top: 1px solid var(--line); font-size: 1.05rem; margin: 2rem 0 .5rem; padding-top: 1rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: 6px; max-height: 24rem; overflow: auto; padding: .75rem; }
nav a { display: block; } table { border-collapse: collapse; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left; }
.effect { border: 1px solid var(--line); border-radius: 1rem; font-size: .8rem; padding: 0 .6rem; }
summary { cursor: pointer; margin: .4rem 0; }
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document.

    >>> page = docs_page({"info": {"title": "A & B", "version": "1", "description": ""}, "paths": {}})
    >>> "<h1>A &amp; B" in page
    True
    """
    info = document["info"]
    operations = list(_operations(document))
    links = "".join(f'<a href="#{anchor}"><code>{escape(name)}</code></a>' for anchor, name, _ in operations)
    sections = "".join(_section(anchor, name, one, document) for anchor, name, one in operations)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
        f"<p>{escape(info.get('description', ''))} "
        "As a document: <a href='/openapi.json'>/openapi.json</a>.</p>"
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Anchor, name and content of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            anchor = f"{method}{path}".replace("/", "-").replace("{", "").replace("}", "")
            yield escape(anchor, quote=True), f"{method.upper()} {path}", operation


def _section(anchor: str, name: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    parts = [
        f'<h2 id="{anchor}"><code>{escape(name)}</code> {escape(operation["summary"])} '
        f'<span class="effect">{escape(operation["x-effect"])}</span></h2>'
    ]
    if operation.get("description", operation["summary"]) != operation["summary"]:
        parts.append(f"<p>{escape(operation['description'])}</p>")
    parts += [_parameters(operation["parameters"])] if operation["parameters"] else []
    content = next(iter(operation.get("requestBody", {}).get("content", {}).values()), None)
    if content is not None:
        parts.append(_block("Document", _resolved(content["schema"], document)))
        parts += [_block("Example", content["example"])] if "example" in content else []
    for status, response in operation["responses"].items():
        label = f"{status} {response['description']}"
        schema = next(iter(response["content"].values()))["schema"]
        parts.append(_block(label, _resolved(schema, document)))
    return "".join(parts)


def _parameters(parameters: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td><code>{escape(json.dumps(one['schema']))}</code></td></tr>"
        for one in parameters
    )
    return f"<table><tr><th>parameter</th><th>in</th><th>is</th></tr>{rows}</table>"


def _block(label: str, value: Any) -> str:
    text = escape(json.dumps(value, indent=2, ensure_ascii=False))
    return f"<details><summary>{escape(label)}</summary><pre>{text}</pre></details>"


def _resolved(schema: Any, document: Mapping[str, Any], above: tuple[str, ...] = ()) -> Any:
    """A schema with those that it names put in their places; one within itself stays a name."""
    if isinstance(schema, list):
        return [_resolved(one, document, above) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", ""))
    if not name or name in above:
        return {key: _resolved(value, document, above) for key, value in schema.items()}
    named: Any = document
    for step in name.removeprefix("#/").split("/"):
        named = named[step]
    return _resolved(named, document, (*above, name))
