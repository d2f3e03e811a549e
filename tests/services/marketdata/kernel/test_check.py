"""The first pass: the order of a slice, and what it says of the room that is needed."""

from __future__ import annotations

import numpy as np
import pytest

from bus.records import Records
from services.marketdata.kernel.check import Kind, Order, Slice, put_in_order
from services.marketdata.kernel.faults import EXPECTATIONS, Fault
from tests.services.marketdata.flows import Flow


def order_of(feed: Records) -> tuple[bool, Order]:
    """What `put_in_order` makes of a feed."""
    order = Order(*np.zeros((3, len(feed)), np.int64))
    flow = Slice(*(feed[kind.name.lower()] for kind in Kind))
    return put_in_order(flow, feed.first_sequence, order), order


def test_kinds_are_merged_by_sequence() -> None:
    """Each place has the kind and the time of the record with that ordinal."""
    feed = (
        Flow("A.X", at=1).trade(1, 5).quote(2, 1, 2).quote(3, 1, 2).bar(4, 1, 1, 1, 1).trade(5, 5).records()
    )
    is_whole, order = order_of(feed)

    assert is_whole
    assert [Kind(kind).name[0] for kind in order.kinds] == list("ITQQBT")
    assert (order.times / 10**9).tolist() == [1, 1, 2, 3, 4, 5]


def test_a_slice_from_the_middle_is_merged_as_well() -> None:
    """Places count from the slice's own first ordinal."""
    feed = Flow("A.X").trade(1, 5).quote(2, 1, 2).trade(3, 5).records().split_at_sequence(3)[1]
    is_whole, order = order_of(feed)

    assert is_whole
    assert order.kinds.tolist() == [Kind.QUOTE, Kind.TRADE]


@pytest.mark.parametrize("sequence", [1, 2, 4, 2**63 - 1, 2**64 - 1])
def test_double_and_missing_ordinals_are_seen(sequence: int) -> None:
    """An ordinal that another record has, or that leaves a hole, is no order."""
    feed = Flow("A.X").trade(1, 5).quote(2, 1, 2).records()
    feed.quote["sequence"] = sequence

    assert not order_of(feed)[0]


def test_every_fault_has_its_words() -> None:
    """A person is told of each fault what was expected, and of which fields."""
    assert set(EXPECTATIONS) == set(Fault) - {Fault.NONE}
