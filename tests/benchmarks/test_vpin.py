"""The question about VPIN: its C loops are right, and a wrong answer is found."""

from __future__ import annotations

import ctypes
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks import flow, peer, vpin_loops
from benchmarks.__main__ import main
from benchmarks.answers import Answer, AnswerError
from benchmarks.harness import MissingError
from benchmarks.report import Report
from benchmarks.vpin import after_each_trade
from benchmarks.vpin_loops import Work, bare_loop, signed_loop
from services.vpin.kernel.batch import trade_records


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    """The compiled loops."""
    try:
        return vpin_loops.library()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def six_trades(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Trades of 7, 7, 6, 25, 5 and 3 into buckets of 10, two in the window."""
    monkeypatch.setattr(vpin_loops, "N_BUCKETS", 2)
    size = np.array([7, 7, 6, 25, 5, 3])
    side = np.array([1, -1, 1, -1, 1, 1], np.int8)
    times = np.arange(6) + flow.START
    price = np.array([100, 101, 100, 101, 101, 100]) * 10**9
    return Work(flow.Trades(times, price, size, side, "six"), trade_records(times, price, size, side), 10)


def test_the_bare_loop_gives_the_known_vector(six_trades: Work, library: ctypes.CDLL) -> None:
    """A trade of 25 closes two buckets; one-sided buckets give exactly 1."""
    answer = bare_loop(six_trades, library).answer()

    assert (10 * answer["imbalance"]).tolist() == [4.0, 2.0, -10.0, -10.0, 0.0]
    np.testing.assert_array_equal(answer["vpin"], [np.nan, 0.3, 0.6, 1.0, 0.5])


def test_the_full_loop_gives_the_known_vector(six_trades: Work, library: ctypes.CDLL) -> None:
    """The loop over records agrees, and knows which trade closed a bucket."""
    answer = signed_loop(six_trades, library).answer()

    assert (10 * answer["imbalance"]).tolist() == [4.0, 2.0, -10.0, -10.0, 0.0]
    np.testing.assert_array_equal(answer["vpin"], [np.nan, 0.3, 0.6, 1.0, 0.5])
    assert answer["closed_by"].tolist() == [1, 2, 3, 3, 4]
    np.testing.assert_allclose(1e9 * answer["notional"], [1003, 1004, 1010, 1010, 1010], rtol=1e-15)


def ours(vpins: list[float], closed_by: list[int]) -> Answer:
    """An answer of ours to seven trades."""
    return {"vpin": np.array(vpins), "closed_by": np.array(closed_by), "n_trades": np.array([7])}


def test_vpin_stands_until_the_next_close() -> None:
    """After each trade stands the value of the last bucket it closed, or of the one before."""
    nan = np.nan
    theirs = {"vpin_after_trade": np.array([nan, nan, 0.3, 1.0, 1.0, 0.5, 0.5])}

    assert after_each_trade(ours([nan, 0.3, 0.6, 1.0, 0.5], [1, 2, 3, 3, 5]), theirs) == 0.0
    with pytest.raises(AnswerError, match=r"`vpin_after_trade\[4\]`"):
        after_each_trade(ours([nan, 0.3, 0.6, 1.0, 0.5], [1, 2, 3, 3, 4]), theirs)


def test_made_trades_follow_from_their_seed() -> None:
    """The same seed makes the same trades, another seed others; sizes are whole and times in order."""
    one, again, other = flow.made(500, 1), flow.made(500, 1), flow.made(500, 2)

    for column in ("ts_event", "price", "size", "side"):
        assert np.array_equal(getattr(one, column), getattr(again, column))
        assert not np.array_equal(getattr(one, column), getattr(other, column))
    assert one.size.min() >= 1
    assert (np.diff(one.ts_event) >= 0).all()
    assert set(one.side.tolist()) == {-1, 1}
    assert (one.price % flow.TICK == 0).all()


def test_real_trades_are_the_golden_ones(market_data: Path) -> None:
    """The E-mini file gives 200 buckets of 9220 contracts."""
    work = Work.of(flow.read(market_data.parent))

    assert len(work.records) == 500_000
    assert work.bucket_volume == 9220


def test_the_self_check_checks_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short run finds no wrong answer, names the peers it lacks, and keeps within 80 columns."""
    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)
    file = tmp_path / "report.json"

    assert main(["vpin", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    missing = {gone.name for gone in report.missing}
    assert {"wickra batch", "screamer batch", "pandas batch"} <= missing
    assert report.wrong == []
    assert len(report.findings) == (0 if "C loop" in missing else 3)
    tables = capsys.readouterr().out.split("vpin: on")[1].splitlines()
    assert [line for line in tables if len(line) > 80 and not line.startswith("MISSING")] == []
