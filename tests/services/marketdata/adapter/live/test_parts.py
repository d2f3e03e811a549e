"""The parts under the sessions: exact decimals, the numbering of records, waits, and the bounded inbox."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.record_codes import BookReason, BookState
from services.marketdata.adapter.live import decimals
from services.marketdata.adapter.live.backoff import Backoff
from services.marketdata.adapter.live.decimals import LARGEST, Decimals, nanoseconds
from services.marketdata.adapter.live.inbox import Inbox
from services.marketdata.adapter.live.settings import LiveSettings
from services.marketdata.adapter.live.writer import Writer
from shared.errors import DataError


@given(st.integers(0, LARGEST - 1), st.integers(0, 9), st.integers(0, 6))
def test_decimals_are_read_exactly(count: int, places: int, zeros: int) -> None:
    """Every text of up to nine decimals is the integer it stands for, whatever zeros follow."""
    value = Decimal(count).scaleb(-places)
    text = f"{value:f}" + ("0" * zeros if places else "")
    steps = count * 10 ** (9 - places)
    texts = Decimals("kraken", 1, is_bounded=False)
    assert (texts[text], texts[text]) == (steps, steps)


@pytest.mark.parametrize("text", ["", ".", "1e5", "-1", "+1", "1.2.3", " 1", "١", "nan"])
def test_what_is_no_decimal_is_refused(text: str) -> None:
    """Signs, exponents, other digits and nothing at all are no number of a venue."""
    with pytest.raises(DataError, match="a decimal number from 0"):
        Decimals("kraken", 1)[text]


def test_a_value_between_two_steps_or_too_large_is_refused() -> None:
    """Nothing is rounded, and nothing is given that 64 bits cannot sum."""
    for text in ("0.000000015", "46116860184.27387904"):
        with pytest.raises(DataError, match="a whole number of 1e-08, fewer than 2\\*\\*62 of them"):
            Decimals("kraken", 10)[text]


def test_the_memory_of_texts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is begun anew when it is full, and texts mean the same."""
    monkeypatch.setattr(decimals, "REMEMBERED", 8)
    texts = Decimals("kraken", 1)
    assert [texts[f"0.{digit}"] for digit in range(20)] == [
        digit * 10**8 for digit in range(20) if digit < 10
    ] + [round(digit * 10**7) for digit in range(10, 20)]
    assert len(texts) <= 8


def test_times_are_cut_to_nanoseconds() -> None:
    """Seconds with any number of decimals."""
    assert nanoseconds("1.5") == 1_500_000_000
    assert nanoseconds("7") == 7_000_000_000
    assert nanoseconds("0.1234567899") == 123_456_789


def test_receipt_times_never_decrease() -> None:
    """A clock that is set back stands still in the records, and numbers go on."""
    writer = Writer()
    for time in (5, 3, 8):
        writer.arrive(time)
        writer.state(0, BookState.STALE, BookReason.GAP)
    records = writer.take()
    assert records["book_state"]["ts_init"].tolist() == [5, 5, 8]
    assert records["book_state"]["sequence"].tolist() == [1, 2, 3]
    assert (len(writer), len(writer.take())) == (0, 0)


def test_an_empty_snapshot_ends_with_its_clear() -> None:
    """A book without levels is whole too."""
    writer = Writer()
    writer.snapshot(0, 1, [])
    assert writer.take()["level"]["flags"].tolist() == [12]


def test_waits_double_and_are_the_same_for_a_seed() -> None:
    """Between half of the doubled wait and all of it, bounded, and repeatable."""
    waits = [Backoff(1.0, 20.0, Random(3)) for _ in range(2)]
    found = [[backoff.next() for _ in range(80)] for backoff in waits]
    assert found[0] == found[1]
    assert all(0.5 * most <= wait <= most for wait, most in zip(found[0], (1, 2, 4, 8, 16, 20), strict=False))
    assert max(found[0]) <= 20.0
    waits[0].reset()
    assert waits[0].next() <= 1.0


def test_a_full_inbox_waits_for_its_reader() -> None:
    """Whoever leaves records waits while there is no room, and goes on when some were taken."""

    async def script() -> None:
        inbox = Inbox(Writer(), 3)
        inbox.attend(asyncio.get_running_loop())
        for _ in range(4):
            inbox.writer.state(0, BookState.STALE, BookReason.GAP)
        waiting = asyncio.create_task(inbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert len(inbox.take(1, 0)) == 1
        await asyncio.sleep(0)
        assert not waiting.done()
        assert (len(inbox.take(1, 0)), inbox.position) == (1, 2)
        await waiting

    asyncio.run(script())


def test_a_failure_comes_after_what_was_left_before() -> None:
    """Records that arrived are given before the error is raised, and a reader is not kept waiting."""
    inbox = Inbox(Writer(), 3)
    inbox.writer.state(0, BookState.STALE, BookReason.GAP)
    inbox.fail(DataError("no more"))
    assert len(inbox.take(5, 60.0)) == 1
    with pytest.raises(DataError, match="no more"):
        inbox.take(5, 60.0)


def test_addresses_and_increments_have_defaults() -> None:
    """A venue's public addresses and the finest increments hold where nothing else is set."""
    plain = LiveSettings(venue="binance_futures", symbols=("BTCUSDT",))
    assert plain.socket_address == "wss://fstream.binance.com/stream"
    assert plain.rest_address == "https://fapi.binance.com"
    assert (plain.price_increment("BTCUSDT"), plain.size_increment("BTCUSDT")) == (1, 10)
    own = LiveSettings(
        venue="kraken",
        symbols=("XBT/USD",),
        url="ws://here",
        price_increments={"XBT/USD": 0.1},
        size_increments={},
    )
    assert (own.socket_address, own.rest_address) == ("ws://here", "")
    assert (own.price_increment("XBT/USD"), own.instrument_id("XBT/USD")) == (100_000_000, "XBT/USD.KRAKEN")
