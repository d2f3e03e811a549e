"""Faults: what was done to the records is what the list says."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from bus.record_codes import BookAction, BookReason, BookState, Flag
from bus.records import Array, Records
from services.marketdata.simulator import SimulatedFeed
from services.marketdata.simulator.faults import Fault, FaultKind
from services.marketdata.simulator.settings import FaultSettings
from shared.errors import ConstraintError
from tests.services.marketdata.simulator.flows import flow, of, read, same, small


def spoiled(**counts: int) -> tuple[Records, list[Fault]]:
    """A small market with faults, and the list of them."""
    feed = SimulatedFeed(small(faults=FaultSettings(**counts)))
    records = read(feed)
    return records, feed.faults


def between(array: Array, fault: Fault) -> Array:
    """Records of the fault's instrument while it was at work."""
    own = of(array, fault.instrument)
    return own[(own["ts_init"] >= fault.start) & (own["ts_init"] < fault.stop)]


@pytest.fixture(scope="module")
def clean() -> Records:
    """The same market without faults."""
    return flow()


def test_there_are_none_unless_asked_for(clean: Records) -> None:
    """No state record and no fault in the list."""
    feed = SimulatedFeed(small())
    read(feed)

    assert feed.faults == []
    assert not len(clean["book_state"])


def test_a_gap_loses_events_and_ends_with_a_snapshot(clean: Records) -> None:
    """Nothing of the instrument comes, then STALE (GAP), SYNCING (SNAPSHOT), and the book as it then is."""
    records, faults = spoiled(gap=2)
    states = records["book_state"]

    assert [fault.kind for fault in faults] == [FaultKind.GAP] * 4
    for place, fault in enumerate(faults):
        assert not len(between(records.trade, fault))
        assert not len(between(records["level"], fault))
        lost = between(clean["level"], fault)
        assert fault.n_records == (lost["flags"] & Flag.LAST != 0).sum()
        assert fault.first_ts == lost["ts_event"][0]
        told = states[2 * place : 2 * place + 2]
        assert told["state"].tolist() == [BookState.STALE, BookState.SYNCING]
        assert told["state_reason"].tolist() == [BookReason.GAP, BookReason.SNAPSHOT]
        assert told["ts_init"].tolist() == [fault.stop] * 2
        assert depth_at(records["level"], fault) == depth_at(clean["level"], fault)


def depth_at(levels: Array, fault: Fault) -> dict[tuple[int, int], int]:
    """The book of the instrument right after the fault."""
    book: dict[tuple[int, int], int] = {}
    own = of(levels, fault.instrument)
    for level in own[own["ts_init"] <= fault.stop]:
        if level["action"] == BookAction.CLEAR:
            book.clear()
        else:
            book[int(level["side"]), int(level["price"])] = int(level["size"])
    return {place: size for place, size in book.items() if size}


def test_a_duplicate_tells_one_event_twice(clean: Records) -> None:
    """So many records more than without, and each of them equals the one before but for its number."""
    records, faults = spoiled(duplicate=3)

    assert [fault.kind for fault in faults] == [FaultKind.DUPLICATE] * 6
    assert len(records) - len(clean) == sum(fault.n_records for fault in faults)
    for fault in faults:
        struck = [
            array[array["ts_event"] == fault.first_ts]
            for _, array in records.only(frozenset({"trade", "level"}))
        ]
        for array in (of(part, fault.instrument) for part in struck):
            half = len(array) // 2
            assert array["price"][:half].tolist() == array["price"][half:].tolist()
            assert array["size"][:half].tolist() == array["size"][half:].tolist()


def test_a_reordered_event_comes_after_the_next_one(clean: Records) -> None:
    """The same records, one event of them later, with the time at which it happened."""
    records, faults = spoiled(reorder=3)
    levels = records["level"]

    assert [fault.kind for fault in faults] == [FaultKind.REORDER] * 6
    assert len(records) == len(clean)
    for fault in faults:
        own = of(levels, fault.instrument)
        place = int(np.flatnonzero(own["ts_event"] == fault.first_ts)[0])
        assert own["ts_event"][place - 1] > fault.first_ts
        assert own["ts_init"][place] == own["ts_init"][place - 1] > fault.first_ts
    assert sorted(levels["ts_event"].tolist()) == sorted(clean["level"]["ts_event"].tolist())


def test_a_crossed_book_has_a_bid_at_the_ask() -> None:
    """It is there from the first second of the fault to the last, and then is mended."""
    records, faults = spoiled(crossed=2)

    assert [fault.kind for fault in faults] == [FaultKind.CROSSED] * 4
    for fault in faults:
        own = of(records["level"], fault.instrument)
        crossing = own[(own["ts_init"] == fault.start) & (own["side"] == 1)][0]
        during = depth_at(own, replace(fault, stop=fault.start))
        after = depth_at(own, fault)
        assert crossing["price"] == min(price for side, price in during if side == -1)
        assert max(price for side, price in after if side == 1) < min(
            price for side, price in after if side == -1
        )


def test_a_stale_clock_stands_still(clean: Records) -> None:
    """`ts_event` stays at the fault's start while `ts_init` goes on; nothing else is changed."""
    records, faults = spoiled(stale_clock=2)

    assert [fault.kind for fault in faults] == [FaultKind.STALE_CLOCK] * 4
    for fault in faults:
        struck = [between(records[kind], fault) for kind in ("trade", "level")]
        assert all((array["ts_event"] == fault.start).all() for array in struck)
        assert fault.n_records == sum(map(len, struck))
    for kind in ("trade", "level"):
        assert records[kind]["ts_init"].tolist() == clean[kind]["ts_init"].tolist()
        assert records[kind]["price"].tolist() == clean[kind]["price"].tolist()


def test_all_sorts_together_are_one_flow_whatever_the_cuts() -> None:
    """Numbers without holes, times of receipt that never decrease, the same bytes in slices of any length."""
    settings = small(faults=FaultSettings(gap=1, duplicate=1, reorder=1, crossed=1, stale_clock=1))
    records = read(SimulatedFeed(settings))
    order = np.argsort(np.concatenate([array["sequence"] for _, array in records]))
    times = np.concatenate([array["ts_init"] for _, array in records])[order]

    assert records.sequences().tolist() == list(range(1, len(records) + 1))
    assert (np.diff(times) >= 0).all()
    assert same(records, read(SimulatedFeed(settings), 777))


def test_too_many_faults_are_refused() -> None:
    """Each needs four seconds of the session."""
    expected = "`faults`: expected at most 15 in a session of this length, got 16"

    with pytest.raises(ConstraintError, match=expected):
        SimulatedFeed(small(session_seconds=60, faults=FaultSettings(gap=16)))
