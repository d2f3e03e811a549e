"""The topics of the fleet."""

from __future__ import annotations

import msgspec
import pytest

from bus import topics
from bus.records import KINDS
from bus.topics import TOPICS, Bus, Topic


def test_every_record_kind_is_a_topic_of_market_data() -> None:
    """The record kinds and the topics of MarketData are the same names."""
    assert {name for name, topic in TOPICS.items() if topic.bus is Bus.MARKET_DATA} == {*KINDS}


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_a_topic_is_whole(topic: Topic) -> None:
    """Name, sentence and version are there; events have a frozen payload, records none."""
    assert topic.name == topic.name.lower()
    assert topic.about[0].isupper()
    assert topic.about.endswith(".")
    assert topic.version >= 1
    if topic.bus is Bus.MARKET_DATA:
        assert topic.payload is None
        assert not topic.operational
    else:
        assert issubclass(topic.payload, msgspec.Struct)
        assert topic.payload.__struct_config__.frozen
        assert not topic.payload.__struct_config__.forbid_unknown_fields
        assert not topic.payload.__struct_config__.array_like


def test_a_payload_belongs_to_one_topic() -> None:
    """The payload's type says which topic it is."""
    payloads = [topic.payload for topic in TOPICS.values() if topic.payload is not None]

    assert len(payloads) == len(set(payloads))


def test_topics_are_listed_under_their_names() -> None:
    """The table of topics has each under its own name."""
    assert {name: topic.name for name, topic in TOPICS.items()} == {name: name for name in TOPICS}


def test_a_delay_is_declared_in_seconds_and_kept_in_nanoseconds() -> None:
    """An edge that closes a loop says after how long a message is seen."""
    edge = topics.TOXICITY.after(0.005)

    assert (edge.topic, edge.delay) == (topics.TOXICITY, 5_000_000)


def test_a_record_topic_needs_a_record_kind() -> None:
    """A topic of records that do not exist cannot be declared."""
    with pytest.raises(ValueError, match=r"Expected a record kind of .*, got 'rumour'"):
        topics._record("rumour", "Nothing.")
