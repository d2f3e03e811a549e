"""The page ``bus/FIELDS.md``: layouts of records, fields of events, what each name means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bus.field_uses import Use, uses
from bus.fields import FIELDS
from bus.records import KINDS
from bus.topics import TOPICS
from shared.markdown import code, table

_HEAD = """# Fields of both buses

Written by `make generate` from [`fields.py`](fields.py), [`messages/fields.py`](messages/fields.py),
[`records.py`](records.py) and [`topics.py`](topics.py); change those. One name has one type, one unit and
one sign, everywhere. What the buses promise is in the [README](README.md).
"""


def field_page() -> str:
    """The whole page."""
    found = list(uses())
    parts = [
        _HEAD,
        "## Records\n\nLittle-endian, no padding; text is UTF-8 filled up with zero bytes.\n",
        *(_record(kind) for kind in KINDS),
        "## Frame header\n\nIts bytes are in the [README](README.md#frames).\n",
        _message(found, "frame header"),
        "## Events\n\nMessagePack maps by field name; a cause is an array of its two fields.\n",
        "### Envelope\n",
        _message(found, "envelope"),
        "### Cause\n",
        _message(found, "cause"),
        *(_event(found, name) for name, topic in TOPICS.items() if topic.payload is not None),
        "## Dictionary\n",
        _dictionary(found),
    ]
    return "\n".join(parts)


def _record(kind: str) -> str:
    dtype = KINDS[kind]
    fields: Mapping[str, Any] = dtype.fields or {}
    rows = []
    for name in dtype.names or ():
        layout, offset = fields[name][:2]
        base, shape = layout.subdtype or (layout, ())
        kind_of_one = base.str.lstrip("|") + "".join(f"[{n}]" for n in shape)
        rows.append([str(offset), code(kind_of_one), code(name), FIELDS[name].unit])
    title = f"### `{kind}`\n\n{TOPICS[kind].about} {dtype.itemsize} bytes.\n"
    return f"{title}\n{table(['offset', 'type', 'field', 'unit'], rows)}"


def _event(found: Iterable[Use], name: str) -> str:
    topic = TOPICS[name]
    numbered = "Operational: not numbered, never part of a result." if topic.operational else ""
    about = " ".join(filter(None, [topic.about, f"Version {topic.version}.", numbered]))
    return f"### `{name}`\n\n{about}\n\n{_message(found, name)}"


def _message(found: Iterable[Use], where: str) -> str:
    rows = [[code(use.name), use.layout, FIELDS[use.name].unit] for use in found if use.where == where]
    return table(["field", "type", "unit"], rows)


def _dictionary(found: list[Use]) -> str:
    rows = []
    for name in sorted(FIELDS):
        field = FIELDS[name]
        places = ", ".join(use.where for use in found if use.name == name)
        rows.append([code(name), *field, places])
    return table(["name", "type", "unit", "range", "meaning", "stands in"], rows)
