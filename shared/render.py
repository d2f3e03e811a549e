"""What is written from the engines' declarations: regions of READMEs and compose file, the page of fields.

A document asks for a region by a pair of comment lines; what stands between them is replaced:

    <!-- generated: engines -->
    <!-- end -->

In files that are no Markdown, these lines are ``# generated: engines`` and ``# end``, indented or not.
``python -m shared.render`` writes, ``--check`` compares. The README at the root must have ``engines`` and
``flow``; an engine's README may have ``settings`` and ``metrics``; `shared.compose` has the other regions.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bus.topics import INSTRUMENT, Input
from shared import registry
from shared.compose import COMPOSE_FILE, ENVIRONMENT_FILE, compose_regions, environment_regions
from shared.config import describe
from shared.errors import KnotmeterError
from shared.field_page import field_page
from shared.markdown import code, table
from shared.spec import EngineSpec

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = "README.md"
FIELD_PAGE: Final = "bus/FIELDS.md"

_MARKER: Final = re.compile(r"^<!-- (?:generated: (?P<region>\S+)|end) -->$", re.MULTILINE)
_OTHER_MARKER: Final = re.compile(r"^ *# (?:generated: (?P<region>\S+)|end)$", re.MULTILINE)

Regions = Mapping[str, str]
"""Text of each region that a document may have."""


def readme_of(engine: str) -> str:
    """Path of an engine's README."""
    return f"{registry.PACKAGE}/{engine}/README.md"


def render(
    engines: Mapping[str, EngineSpec], settings: Mapping[str, Any], documents: Mapping[str, str]
) -> dict[str, str]:
    """Every derived file by its path, whole.

    Args:
        engines: specs by name.
        settings: settings type of each engine.
        documents: text of each hand-written document by its path.

    Raises:
        KnotmeterError: a document or a region is missing, a region is unknown or not closed.
    """
    specs = list(engines.values())
    regions: Regions = {"engines": _engines(specs), "flow": _flow(specs)}
    rendered = {README: _filled(README, documents, regions, required=regions)}
    for path, own in ((COMPOSE_FILE, compose_regions(specs)), (ENVIRONMENT_FILE, environment_regions(specs))):
        rendered[path] = _filled(path, documents, own, required=own)
    for name, spec in engines.items():
        own = {"settings": _settings(settings[name]), "metrics": _metrics(spec)}
        rendered[readme_of(name)] = _filled(readme_of(name), documents, own, required=())
    return {**rendered, FIELD_PAGE: field_page()}


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the derived files, or compare them; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.render", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="compare with what is there; write nothing")
    check = parser.parse_args(arguments).check
    engines = registry.engines()
    settings = {name: registry.config_type(name) for name in engines}
    documents = _documents(root, [README, COMPOSE_FILE, ENVIRONMENT_FILE, *map(readme_of, engines)])
    try:
        rendered = render(engines, settings, documents)
    except KnotmeterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    stale = [path for path, text in rendered.items() if _read(root / path) != text]
    if check and stale:
        sys.stderr.write(f"Not what the specs say: {', '.join(stale)}; run `make generate`\n")
        return 1
    for path in stale:
        (root / path).write_text(rendered[path], "utf-8")
        sys.stdout.write(f"wrote {path}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _documents(root: Path, paths: Iterable[str]) -> dict[str, str]:
    texts = {path: _read(root / path) for path in paths}
    return {path: text for path, text in texts.items() if text is not None}


def _filled(path: str, documents: Mapping[str, str], regions: Regions, required: Iterable[str]) -> str:
    """The document with the text of its regions replaced."""
    if path not in documents:
        kind = "README" if path.endswith(README) else "file to fill in"
        message = f"`{path}`: expected a {kind}, found none; write it"
        raise KnotmeterError(message)
    text = documents[path]
    parts: list[str] = []
    position = 0
    seen: set[str] = set()
    for begin, end in _pairs(path, text):
        name = begin["region"]
        if name not in regions:
            message = f"`{path}`: expected a region of {sorted(regions)}, found `{name}`"
            raise KnotmeterError(message)
        parts += [text[position : begin.end()], "\n", regions[name], end[0]]
        position = end.end()
        seen.add(name)
    for name in required:
        if name not in seen:
            marker, _ = _marker_lines(path, name)
            message = f"`{path}`: expected a region `{marker}`, found none; add it and its end"
            raise KnotmeterError(message)
    return "".join([*parts, text[position:]])


def _pairs(path: str, text: str) -> list[tuple[re.Match[str], re.Match[str]]]:
    """Beginnings and ends of the regions."""
    markers = list((_MARKER if path.endswith(".md") else _OTHER_MARKER).finditer(text))
    begins, ends = markers[::2], markers[1::2]
    kinds = [marker["region"] is not None for marker in markers]
    if kinds != [True, False] * (len(markers) // 2):
        found = ", ".join(marker[0] for marker in markers)
        begin, end = _marker_lines(path, "…")
        message = f"`{path}`: expected each `{begin}` to be closed by `{end}`, found {found}"
        raise KnotmeterError(message)
    return list(zip(begins, ends, strict=True))


def _marker_lines(path: str, region: str) -> tuple[str, str]:
    """The lines around a region, as the kind of document has them."""
    before, after = ("<!-- ", " -->") if path.endswith(".md") else ("# ", "")
    return f"{before}generated: {region}{after}", f"{before}end{after}"


def _engines(specs: Iterable[EngineSpec]) -> str:
    rows = [
        [
            f"[{spec.name}]({readme_of(spec.name)})",
            str(spec.port),
            spec.question,
            "feeds" if spec.is_source else ", ".join(map(_edge, spec.inputs)),
            ", ".join(code(topic.name) for topic in spec.publishes),
        ]
        for spec in specs
    ]
    return table(["engine", "port", "question", "reads", "publishes"], rows)


def _edge(edge: Input) -> str:
    return code(edge.topic.name) + (f" after {edge.delay / 1e9:g} s" if edge.delay else "")


def _flow(specs: Sequence[EngineSpec]) -> str:
    lines = ["```mermaid", "flowchart LR", "    feeds([feeds])"]
    lines += [f"    {spec.name}[{spec.name}]" for spec in specs]
    lines += [f"    feeds --> {spec.name}" for spec in specs if spec.is_source]
    unread = False
    for producer in specs:
        read: set[str] = set()
        for consumer in specs:
            wanted = _topics_read(consumer)
            shared = [topic.name for topic in producer.publishes if topic.name in wanted]
            read.update(shared)
            lines += [_arrow(producer.name, shared, consumer.name)] if shared else []
        rest = [topic.name for topic in producer.publishes if topic.name not in read]
        lines += [_arrow(producer.name, rest, "output")] if rest else []
        unread = unread or bool(rest)
    lines += ["    output([output])"] if unread else []
    return "\n".join([*lines, "```", ""])


def _topics_read(spec: EngineSpec) -> set[str]:
    """Names of topics an engine reads; whoever reads records is told the instruments too."""
    implied = {INSTRUMENT.name} if spec.record_kinds else set()
    return {edge.topic.name for edge in spec.inputs} | implied


def _arrow(producer: str, topics: Sequence[str], consumer: str) -> str:
    return f'    {producer} -- "{", ".join(topics)}" --> {consumer}'


def _settings(kind: Any) -> str:
    rows = [
        [code(setting.key), setting.type, code(setting.default), setting.description]
        for setting in describe(kind)
    ]
    return table(["setting", "type", "default", "meaning"], rows)


def _metrics(spec: EngineSpec) -> str:
    return table(
        ["metric", "kind", "meaning"],
        [[code(metric.name), metric.kind, metric.help] for metric in spec.metrics],
    )


if __name__ == "__main__":
    sys.exit(main())
