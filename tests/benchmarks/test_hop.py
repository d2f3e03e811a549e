"""The question about hops: every way is right, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import hop, peer
from benchmarks.__main__ import main
from benchmarks.courier import ENDPOINTS, MESSAGE_BYTES, Courier, Route
from benchmarks.machine import compiler
from benchmarks.report import Report
from bus.server import ADMIN, EmbeddedServers
from bus.topics import Bus
from tests.bus.redis_servers import running_servers


def test_the_self_check_checks_every_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short run finds no wrong answer, names the peers it lacks, and keeps within 80 columns."""
    monkeypatch.setattr(peer, "ENVIRONMENTS", tmp_path)
    file = tmp_path / "report.json"

    assert main(["hop", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    missing = {gone.name: gone.reason for gone in report.missing}
    assert report.wrong == []
    assert hop.PEERS.keys() <= missing.keys()
    assert all("not installed" in missing[name] for name in hop.PEERS)
    measured = {row.name for finding in report.findings for row in finding.rows}
    assert {hop.OURS, hop.LOGGED} <= measured
    assert (hop.FLOOR in measured) is (compiler() is not None)
    tables = capsys.readouterr().out.split("hop: on")[1].splitlines()
    assert [line for line in tables if len(line) > 80 and not line.startswith("MISSING")] == []


def test_without_a_server_the_question_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no server program, that is said, and nothing else fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bus.server.binary._bundled", lambda: None)
    file = tmp_path / "report.json"

    assert main(["hop", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert [gone.name for gone in report.missing] == ["Redis server"]
    assert report.findings == []


def ways(servers: EmbeddedServers) -> list[Route]:
    """Ours, and the floor where there is a compiler."""
    address = servers.addresses(ADMIN)[Bus.MARKET_DATA]
    options = {"path": address.path, "user": address.user, "secret": address.secret}
    routes = [
        Route("loop", ENDPOINTS / "engine_loop.py", options),
        Route("blocking", ENDPOINTS / "blocking.py", {**options, "streams": ("b0", "b1")}),
        Route("bare", ENDPOINTS / "bare_loop.py", {**options, "streams": ("u0", "u1")}),
    ]
    if compiler() is not None:
        floor = {**options, "client": "resp", "streams": ("c0", "c1")}
        routes.append(Route("floor", ENDPOINTS / "floor.py", floor))
    return routes


def test_every_way_carries_and_answers_again_and_again() -> None:
    """Samples of both kinds follow each other on the same connections, each of them whole."""
    with running_servers() as servers:
        for route in ways(servers):
            courier = Courier(route, install=False, versions={})
            try:
                courier.prepare(30)
                counts = [
                    len(ages)
                    for _ in range(2)
                    for ages in (courier.carry(30, 0.0), courier.bounce(20), courier.carry(10, 0.001))
                ]
            finally:
                courier.close()
            assert counts == [30, 40, 10] * 2, route.name


def test_messages_are_as_long_as_told() -> None:
    """The size of a message is part of the question: 200 bytes, as an event has."""
    assert MESSAGE_BYTES == 200
