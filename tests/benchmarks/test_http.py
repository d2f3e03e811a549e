"""The question about HTTP: the client in C reads answers right, the floor gives them, others are refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks import http
from benchmarks.__main__ import main
from benchmarks.answers import AnswerError
from benchmarks.documents import same_bytes, same_content, with_state
from benchmarks.harness import MissingError
from benchmarks.http_client import Asked, Client
from benchmarks.report import Report
from benchmarks.site import Site, Sites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n"
BODY = b'{"a":1}'
ASKED = Asked(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n", BODY)


@pytest.fixture(scope="module")
def client() -> Client:
    """The compiled loops."""
    try:
        return Client()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def sites() -> Iterator[Sites]:
    """Servers of one test, ended after it."""
    with closing(Sites({})) as started:
        yield started


@pytest.fixture
def floor(client: Client, sites: Sites) -> Site:
    """The server in C, where there is one."""
    del client  # where there is no compiler, it has skipped the test
    try:
        return sites.fixed("epoll", "/a", HEAD + BODY)
    except MissingError as error:
        pytest.skip(str(error))


@contextmanager
def saying(*pieces: bytes) -> Iterator[int]:
    """Port of a server that waits for one request and says these pieces, each in a packet of its own."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.recv(4_096)
            for piece in pieces:
                connection.sendall(piece)
                connection.getpeername()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + BODY],
        [HEAD, BODY],
        [HEAD[:5], HEAD[5:-2], HEAD[-2:] + BODY[:1], BODY[1:]],
    ],
)
def test_an_answer_may_come_in_parts(client: Client, pieces: Sequence[bytes]) -> None:
    """However an answer is cut, it is taken whole, and its time is counted to the last part."""
    with saying(*pieces) as port, client.connected(port, 1) as (line,):
        latencies = client.one_at_a_time(line, ASKED, 1)

    assert latencies[0] > 0


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (HEAD + b'{"a":2}', "another one"),
        (HEAD + BODY + b" ", "another one"),
        (HEAD.replace(b"200", b"503") + BODY, "another one"),
        (HEAD + BODY[:-1], "none"),
        (b"", "none"),
    ],
)
def test_another_answer_is_refused(client: Client, answer: bytes, found: str) -> None:
    """A wrong byte, one too many, another status and an end before the last byte are no answers."""
    with (
        saying(answer) as port,
        client.connected(port, 1) as (line,),
        pytest.raises(AnswerError, match=f"found {found}"),
    ):
        client.one_at_a_time(line, ASKED, 1)


def test_nobody_at_a_port_is_named(client: Client) -> None:
    """A server that is not there is told from one that answers wrongly."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    problem = f"expected a server at port {port}, found none"
    with pytest.raises(AnswerError, match=problem), client.connected(port, 1):
        pass


def test_the_floor_gives_the_same_bytes(client: Client, floor: Site) -> None:
    """The server in C answers every request of every connection with what it was given."""
    floor.check("C", BODY, same_bytes)
    with client.connected(floor.port, 16) as lines:
        latencies = client.one_at_a_time(lines[0], floor.asked, 20)
        flood = client.at_once(lines, floor.asked, 100)

    assert (latencies > 0).all()
    assert flood.own_ns > 0
    assert flood.elapsed_ns > 0
    assert floor.head == HEAD


def test_fewer_requests_than_connections_end(client: Client, floor: Site) -> None:
    """Connections that have nothing to ask are not waited for."""
    floor.check("C", BODY, same_bytes)
    with client.connected(floor.port, 16) as lines:
        assert client.at_once(lines, floor.asked, 3).elapsed_ns > 0


def test_the_floor_refuses_other_paths(client: Client, floor: Site) -> None:
    """Whatever it was not made for ends the connection."""
    other = Asked(b"GET /b HTTP/1.1\r\n\r\n", BODY)
    with client.connected(floor.port, 1) as (line,), pytest.raises(AnswerError, match="found none"):
        client.one_at_a_time(line, other, 1)


def test_numbers_may_be_written_in_another_way() -> None:
    """The same document in other bytes is the same content, and not the same bytes."""
    same_content(b'{"a":1e-05}', b'{"a": 0.00001}')
    with pytest.raises(AnswerError, match="found 14 that differ at 5"):
        same_bytes(b'{"a":1e-05}', b'{"a": 0.00001}')
    with pytest.raises(AnswerError, match="or the same in other bytes"):
        same_content(b'{"a":1}', b'{"a":2}')
    with pytest.raises(AnswerError, match="expected JSON"):
        same_content(b'{"a":1}', b'{"a":')


@pytest.mark.parametrize("body", [b"{}", b'{"instruments":[]}', b'{"instruments":[{"latest":null}]}', b"<"])
def test_an_engine_without_state_is_no_subject(body: bytes) -> None:
    """What is measured has to tell of a completed bucket."""
    with pytest.raises(AnswerError):
        with_state(body)
    with_state(b'{"instruments":[{"latest":{}}]}')


def test_the_self_check_checks_every_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A short run finds no wrong answer, measures every server that is there, and keeps within 80 columns."""
    file = tmp_path / "report.json"

    assert main(["http", "--self-check", "--json", str(file)]) == 0
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    assert report.wrong == []
    names = {row.name for finding in report.findings for row in finding.rows}
    missing = {gone.name for gone in report.missing}
    if "client in C" not in missing:
        assert {http.FACE, http.ANEW, http.SLOW, http.BARE, *http.ROUTES} <= names
        assert http.FLOOR in names | missing
        assert np.isfinite([finding.rows[0].ns_per_unit.median for finding in report.findings]).all()
    tables = capsys.readouterr().out.split("http: on")[-1].splitlines()
    assert [line for line in tables if len(line) > 80 and not line.startswith("MISSING")] == []
