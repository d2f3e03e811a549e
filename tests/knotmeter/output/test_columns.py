"""Columns of event tables: every declared type has its Arrow type and gives its values back."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pytest

from bus.topics import TOPICS, Bus
from knotmeter.output.columns import TIMESTAMP, batch, payload_columns, schema


class Level(Enum):
    """An enumeration of words."""

    CALM = "calm"


class Rank(Enum):
    """An enumeration of numbers."""

    FIRST = 1


class Inner(msgspec.Struct):
    """A table within a payload."""

    x: float
    tags: list[str] = []


class Pair(msgspec.Struct, array_like=True):
    """A struct that is written as a list."""

    a: int
    b: int


class Everything(msgspec.Struct, kw_only=True):
    """A payload of every type."""

    count: int
    ts_close: int
    ts_open: int | None
    share: Annotated[float | None, msgspec.Meta(description="A share.")]
    number: int | float
    is_new: bool
    name: str
    level: Level
    rank: Rank
    side: Literal["buy", "sell"] | None
    mixed: Literal["all", 5]
    data: bytes
    reasons: dict[str, str]
    weights: dict[str, float | None]
    parts: list[Inner]
    inner: Inner | None
    pair: Pair
    by_row: dict[int, str]
    anything: Any
    source: str


def an_event(payload: Any) -> dict[str, Any]:
    """An event as the log has it."""
    plain = msgspec.json.decode(msgspec.json.encode(payload))
    return {"type": "t", "source": "s", "sequence": 1, "ts_event": 5, "trace": None, "payload": plain}


FULL = Everything(
    count=-3,
    ts_close=1_381_239_000_000_000_001,
    ts_open=None,
    share=0.1,
    number=2,
    is_new=True,
    name="é",
    level=Level.CALM,
    rank=Rank.FIRST,
    side=None,
    mixed=5,
    data=b"\x00\xff",
    reasons={"vpin": "warming_up"},
    weights={"a": None, "b": 0.5},
    parts=[Inner(1.5, ["x"])],
    inner=None,
    pair=Pair(1, 2),
    by_row={1: "one"},
    anything={"k": [1, None]},
    source="tape",
)


def test_types_are_those_declared() -> None:
    """Times are times, numbers numbers, tables of free keys maps; what fits nothing is JSON."""
    found = {field.name: str(field.type) for field in schema(payload_columns(Everything))}

    assert found == {
        "source": "string",
        "sequence": "int64",
        "ts_event": "timestamp[ns, tz=UTC]",
        "trace": "int64",
        "count": "int64",
        "ts_close": "timestamp[ns, tz=UTC]",
        "ts_open": "timestamp[ns, tz=UTC]",
        "share": "double",
        "number": "double",
        "is_new": "bool",
        "name": "string",
        "level": "string",
        "rank": "int64",
        "side": "string",
        "mixed": "string",
        "data": "binary",
        "reasons": "map<string, string>",
        "weights": "map<string, double>",
        "parts": "list<item: struct<x: double, tags: list<item: string>>>",
        "inner": "struct<x: double, tags: list<item: string>>",
        "pair": "string",
        "by_row": "string",
        "anything": "string",
        "payload_source": "string",
    }


def test_values_come_back() -> None:
    """Every value of the payload stands in its column; what was null is null."""
    rows = batch([an_event(FULL)], payload_columns(Everything))
    (row,) = rows.drop_columns(["ts_close", "ts_event"]).to_pylist()

    assert rows["ts_close"].cast(pa.int64()).to_pylist() == [FULL.ts_close]
    assert row == {
        "source": "s",
        "sequence": 1,
        "trace": None,
        "count": -3,
        "ts_open": None,
        "share": 0.1,
        "number": 2.0,
        "is_new": True,
        "name": "é",
        "level": "calm",
        "rank": 1,
        "side": None,
        "mixed": "5",
        "data": b"\x00\xff",
        "reasons": [("vpin", "warming_up")],
        "weights": [("a", None), ("b", 0.5)],
        "parts": [{"x": 1.5, "tags": ["x"]}],
        "inner": None,
        "pair": "[1,2]",
        "by_row": '{"1":"one"}',
        "anything": '{"k":[1,null]}',
        "payload_source": "tape",
    }


def test_a_field_that_an_older_log_lacks_is_null() -> None:
    """Fields are only added; a log without one has no value there."""
    event = an_event(FULL)
    del event["payload"]["name"]

    assert batch([event], payload_columns(Everything))["name"].to_pylist() == [None]


EVENTS = [topic for topic in TOPICS.values() if topic.bus is Bus.ENGINE_LOGIC]


@pytest.mark.parametrize("topic", EVENTS, ids=[topic.name for topic in EVENTS])
def test_every_topic_has_a_table(topic: Any) -> None:
    """A schema can be derived for whatever the fleet says, and an empty table made of it."""
    columns = payload_columns(topic.payload)

    assert batch([], columns).num_rows == 0
    times = {column.name: column.type for column in columns if column.name.startswith("ts_")}
    assert set(times.values()) <= {TIMESTAMP}
