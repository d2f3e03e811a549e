"""The question about books: its streams are what they say, and a wrong answer is found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks import book_stream, peer
from benchmarks.__main__ import main
from benchmarks.report import Report
from bus.record_codes import BookAction


def test_made_orders_follow_from_their_seed() -> None:
    """The same seed makes the same orders; every id that is changed was added before."""
    one, again, other = book_stream.made(800, 1), book_stream.made(800, 1), book_stream.made(800, 2)
    is_add = one.orders["action"] == BookAction.ADD

    assert one.orders.tobytes() == again.orders.tobytes() != other.orders.tobytes()
    assert set(one.orders["order_id"]) == set(one.orders["order_id"][is_add])
    assert 0 < is_add.sum() < 800


def test_levels_follow_their_orders() -> None:
    """What an order does to a level is its new total; an order that moves changes two levels."""
    orders = book_stream.made(4, 1).orders
    orders["action"] = [BookAction.ADD, BookAction.ADD, BookAction.MODIFY, BookAction.CANCEL]
    orders["order_id"], orders["side"] = [1, 2, 2, 1], 1
    orders["price"], orders["size"] = [5, 5, 6, 0], [3, 4, 2, 3]
    levels = book_stream.levels_of(orders)

    assert levels[["price", "size"]].tolist() == [(5, 3), (5, 7), (5, 3), (6, 2), (5, 0)]


@pytest.mark.parametrize("n_instruments", [1, 7])
def test_spread_updates_reach_every_instrument_alike(n_instruments: int) -> None:
    """Each instrument gets the same updates in the same order."""
    first, updates = book_stream.spread(700, n_instruments, 3)
    each = [updates[updates["instrument"] == row] for row in range(n_instruments)]

    assert len(first) == 20 * n_instruments
    for mine in each:
        assert np.array_equal(mine[["price", "size", "side"]], each[0][["price", "size", "side"]])


def test_the_real_stream_is_the_known_one(market_data: Path) -> None:
    """An hour of the E-mini: 59,448 messages change the book."""
    stream = book_stream.read(market_data.parent)

    assert len(stream.orders) == 59_448
    assert len(stream.levels) == 69_345


def test_the_self_check_checks_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short run finds no wrong answer, names the peers it lacks, and keeps within 80 columns."""
    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)
    file = tmp_path / "report.json"

    assert main(["book", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert {gone.name for gone in report.missing} == {"order_book", "nautilus"}
    assert (len(report.findings), report.wrong) == (2, [])
    tables = capsys.readouterr().out.split("book: on")[1].splitlines()
    assert [line for line in tables if len(line) > 80 and not line.startswith("MISSING")] == []
