"""The event-time merge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.envelope import AnyEvent, Event
from bus.merge import MARKET_DATA, Merge
from bus.records import CLOCK, END_OF_TIME, START_OF_TIME, Records


def event(source: str, sequence: int, ts_event: int) -> AnyEvent:
    """An event of which only place and time matter."""
    return Event(
        type="t",
        version=1,
        source=source,
        epoch=1,
        sequence=sequence,
        ts_event=ts_event,
        ts_publish=0,
        payload=None,
    )


def flow(times: list[int], first: int = 1) -> Records:
    """Clock records at these times."""
    clock = np.zeros(len(times), CLOCK)
    clock["sequence"] = np.arange(first, first + len(times))
    clock["ts_init"] = times
    return Records({"clock": clock})


def drain(merge: Merge) -> list[tuple[str, int]]:
    """Everything that can be taken, as (source, sequence)."""
    taken: list[tuple[str, int]] = []
    while (item := merge.take()) is not None:
        if isinstance(item, Records):
            taken.extend((MARKET_DATA, int(sequence)) for sequence in item.sequences())
        else:
            taken.append((item.source, item.sequence))
    return taken


def test_an_input_waits_until_no_other_source_can_precede_it() -> None:
    """With one silent source nothing is taken; its watermark releases exactly what it covers."""
    merge = Merge([("a", 0), ("b", 0)])
    for sequence, ts_event in enumerate([10, 20, 30], start=1):
        merge.offer_event(event("a", sequence, ts_event), 0)

    assert drain(merge) == []
    merge.advance("b", 19)
    assert drain(merge) == [("a", 1), ("a", 2)], "at 20 both may speak, and a goes before b"
    assert merge.horizon() == 19


def test_ties_go_to_market_data_then_by_name() -> None:
    """At one instant market records come first, then sources in name order, whatever arrived first."""
    merge = Merge([("b", 0), ("a", 0), (MARKET_DATA, 0)])
    merge.offer_event(event("b", 1, 5), 0)
    merge.offer_event(event("a", 1, 5), 0)
    merge.offer_records(flow([5, 5]))
    for source in ("a", "b", MARKET_DATA):
        merge.advance(source, 5)

    assert drain(merge) == [(MARKET_DATA, 1), (MARKET_DATA, 2), ("a", 1), ("b", 1)]


def test_a_delay_moves_an_event_behind_later_records() -> None:
    """An event over an edge of delay d is visible d later than it happened."""
    merge = Merge([("a", 10), (MARKET_DATA, 0)])
    merge.offer_event(event("a", 1, 5), 10)
    merge.offer_records(flow([6, 15, 16]))
    merge.advance("a", 100)
    merge.advance(MARKET_DATA, 100)

    assert drain(merge) == [(MARKET_DATA, 1), (MARKET_DATA, 2), ("a", 1), (MARKET_DATA, 3)]


def test_a_slice_is_as_long_as_is_safe() -> None:
    """Records come out in one slice up to what another source may still say, over frame borders."""
    merge = Merge([("a", 0), (MARKET_DATA, 0)])
    merge.offer_records(flow([1, 2]))
    merge.offer_records(flow([3, 4, 5], first=3))
    merge.advance("a", 3)
    taken = merge.take()

    assert isinstance(taken, Records)
    assert list(taken.sequences()) == [1, 2, 3, 4], "a may next speak at 4, after the record at 4"
    assert merge.take() is None


def test_a_lower_watermark_is_old_news() -> None:
    """Watermarks never go back."""
    merge = Merge([("a", 0)])
    merge.advance("a", 10)
    merge.advance("a", 5)

    assert merge.horizon() == 10


def test_the_horizon_of_nothing_heard_is_the_beginning() -> None:
    """A lane that never spoke holds everything back, delay or not."""
    assert Merge([("a", 7)]).horizon() == START_OF_TIME
    assert Merge([]).horizon() == END_OF_TIME


@pytest.mark.parametrize("delays", [True, False])
def test_the_horizon_counts_delays_only_when_asked(delays: bool) -> None:
    """The weaker promise leaves the lanes' delays out."""
    merge = Merge([("a", 7)])
    merge.advance("a", 10)

    assert merge.horizon(delays=delays) == (17 if delays else 10)


MESSAGES = st.lists(st.tuples(st.sampled_from(["a", "b", MARKET_DATA]), st.integers(0, 6)), max_size=40)


@given(messages=MESSAGES, data=st.data())
def test_any_arrival_order_gives_the_one_total_order(messages: list[tuple[str, int]], data: Any) -> None:
    """However sources interleave on the wire, inputs are handled by (visible_at, source, sequence)."""
    delays = {"a": 0, "b": 3, MARKET_DATA: 0}
    queues: dict[str, list[tuple[int, int]]] = {source: [] for source in delays}
    for source, step in messages:
        last = queues[source][-1][1] if queues[source] else 0
        queues[source].append((len(queues[source]) + 1, last + step))
    expected = [
        (source, sequence)
        for _, source, sequence in sorted(
            (time + delays[source], source, sequence)
            for source, queue in queues.items()
            for sequence, time in queue
        )
    ]
    merge = Merge(delays.items())
    taken: list[tuple[str, int]] = []
    while any(queues.values()):
        source = data.draw(st.sampled_from([name for name, queue in queues.items() if queue]))
        sequence, time = queues[source].pop(0)
        if source == MARKET_DATA:
            merge.offer_records(flow([time], first=sequence))
        else:
            merge.offer_event(event(source, sequence, time), delays[source])
        merge.advance(source, time - 1)
        taken += drain(merge)
    for source in delays:
        merge.advance(source, END_OF_TIME)
    taken += drain(merge)

    assert taken == expected


def test_waiting_inputs_are_known() -> None:
    """What waits can be listed for a checkpoint: events themselves, records by their first sequence."""
    merge = Merge([("a", 0), ("b", 4), (MARKET_DATA, 0)])
    merge.offer_event(event("b", 1, 50), 4)
    merge.offer_records(flow([60], first=9))

    assert [(delay, waiting.source) for delay, waiting in merge.waiting_events()] == [(4, "b")]
    assert merge.first_waiting_record() == 9
    assert merge.earliest() == 54
