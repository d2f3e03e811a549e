"""Cursors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bus.cursors import Cursor, Cursors, Missing


def test_a_new_epoch_starts_again_at_one() -> None:
    """A restarted numbering is no gap, and voids nobody else's cursor."""
    cursors = Cursors({"a": Cursor(1, 500), "b": Cursor(1, 7)})

    assert cursors.admit("a", 2, 1, 3) == 1
    assert cursors.missing == []
    assert cursors.positions["b"] == Cursor(1, 7)


def test_a_past_epoch_is_dropped() -> None:
    """What an earlier life of the producer said is not heard any more."""
    cursors = Cursors({"a": Cursor(2, 1)})

    assert cursors.admit("a", 1, 900, 901) is None


def test_an_overlapping_slice_is_entered_where_it_is_new() -> None:
    """A slice seen in part gives the first sequence to handle."""
    cursors = Cursors({"a": Cursor(1, 5)})

    assert cursors.admit("a", 1, 3, 9) == 6


def test_a_first_contact_past_the_beginning_is_a_gap() -> None:
    """A reader that comes late is told what it missed."""
    cursors = Cursors()
    cursors.admit("a", 1, 4, 4)

    assert cursors.take_missing() == [Missing("a", 1, 3)]
    assert cursors.take_missing() == []


@given(st.lists(st.integers(1, 30)))
def test_every_sequence_is_admitted_at_most_once(sequences: list[int]) -> None:
    """However entries are repeated or lost, admitted sequences rise and all others below are missing."""
    cursors = Cursors()
    admitted = [sequence for sequence in sequences if cursors.admit("a", 1, sequence, sequence)]
    missing = {number for _, first, last in cursors.missing for number in range(first, last + 1)}

    assert admitted == sorted(set(admitted))
    assert missing | set(admitted) == set(range(1, max(sequences, default=0) + 1))
    assert not missing & set(admitted)
