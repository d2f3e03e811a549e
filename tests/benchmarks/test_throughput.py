"""The question about throughput: every record arrives, bit for bit, at every reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from benchmarks import convoy as convoy_module
from benchmarks.__main__ import main
from benchmarks.answers import AnswerError
from benchmarks.convoy import Convoy, Load
from benchmarks.endpoints.record_flow import trades, words
from benchmarks.report import Report
from bus.server import ADMIN
from bus.topics import Bus
from tests.bus.redis_servers import running_servers


def test_the_self_check_checks_every_reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short run finds no wrong answer and keeps within 80 columns."""
    file = tmp_path / "report.json"

    assert main(["throughput", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert (report.wrong, report.missing) == ([], [])
    assert len(report.findings) == 13
    tables = capsys.readouterr().out.split("throughput: on")[1].splitlines()
    assert [line for line in tables if len(line) > 80] == []


def test_without_a_server_the_question_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no server program, that is said, and nothing else fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bus.server.binary._bundled", lambda: None)
    file = tmp_path / "report.json"

    assert main(["throughput", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert [gone.name for gone in report.missing] == ["Redis server"]


def test_samples_of_every_kind_follow_each_other() -> None:
    """Flat out and paced, in frames of any size, to two readers: all records, and no age below zero."""
    loads = [Load(700, 1, 1), Load(5_000, 999, 3), Load(2_000, 100, 1, 1e5), Load(300, 7, 2)]
    with running_servers() as servers:
        address = servers.addresses(ADMIN)[Bus.MARKET_DATA]
        options = {"path": address.path, "user": address.user, "secret": address.secret}
        convoy = Convoy(options, 2, 5_000)
        try:
            samples = [convoy.carry(load) for load in loads]
        finally:
            convoy.close()

    assert [sample.n for sample in samples] == [load.n for load in loads]
    assert len(samples[0].ages) == 2 * 700
    assert len(samples[1].ages) == 2 * 6
    assert all(sample.ages.min() > 0 and sample.elapsed_ns > 0 for sample in samples)


class Scripted:
    """A process that answers what it is told to."""

    replies: list[dict[str, Any]]

    def __init__(self, *_: Any, **__: Any) -> None:
        self._asked = ""

    def ask(self, request: dict[str, Any]) -> None:
        """Note what is asked."""
        self._asked = request["do"]

    def reply(self) -> dict[str, Any]:
        """Give the next answer to a read, and the sum 5 to a write."""
        told = {"open": {}, "trim": {}, "write": {"began": 0, "checksum": 5}}
        return self.replies.pop(0) if self._asked == "read" else told[self._asked]

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("found", [(9, 5), (11, 5), (10, 6)])
def test_a_reader_that_has_something_else_is_found(
    found: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer records, more records or other bits at any reader end the question without a rate."""
    right = {"ended": 1, "count": 10, "checksum": 5}
    Scripted.replies = [right, {**right, "count": found[0], "checksum": found[1]}]
    monkeypatch.setattr(convoy_module, "Process", Scripted)
    convoy = Convoy({}, 2, 10)

    with pytest.raises(AnswerError, match=f"expected 10 records of sum 5, read {found[0]} of {found[1]}"):
        convoy.carry(Load(10, 10, 1))
    convoy.close()


def test_the_sum_changes_with_any_bit() -> None:
    """The sum over words is another one when any byte of any record is."""
    records = trades(10)
    before = words(records).sum(dtype=np.uint64)
    for place in range(records.nbytes):
        changed = records.copy()
        changed.view(np.uint8)[place] ^= 1

        assert words(changed).sum(dtype=np.uint64) != before


def test_trades_follow_from_their_number() -> None:
    """The same trades are made every time."""
    np.testing.assert_array_equal(trades(50), trades(50))
    assert trades(50)["sequence"].tolist() == list(range(1, 51))
