"""Sites: servers in processes of their own that answer one GET; each is checked before it is measured."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.answers import AnswerError
from benchmarks.courier import ENDPOINTS
from benchmarks.http_client import Asked
from benchmarks.peer import SOURCES
from benchmarks.process import Process

DEADLINE: Final = 20.0
"""Seconds after which a server that says nothing has failed."""


class Site:
    """A server at a port of this machine, and the one path that it is asked for."""

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.head = b""
        """Head of the answer that was checked, with the empty line after it."""
        self.body = b""
        """Body of the answer that was checked."""
        self._path = path

    @property
    def asked(self) -> Asked:
        """A plain GET, and the body that was checked."""
        head = f"GET {self._path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\naccept: */*\r\n\r\n"
        return Asked(head.encode(), self.body)

    def check(self, name: str, expected: bytes, hold: Callable[[bytes, bytes], None]) -> None:
        """Ask once, with a client that understands all of HTTP, and hold the body against another.

        Raises:
            AnswerError: the answer is not what is expected, or no JSON of status 200.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", self._path)
            response = connection.getresponse()
            self.body = response.read()
        except (OSError, http.client.HTTPException) as error:
            message = f"expected an answer of {name}, found {error!r}"
            raise AnswerError(message) from error
        finally:
            connection.close()
        found = (response.status, response.headers.get_content_type())
        if found != (http.client.OK, "application/json"):
            message = f"expected status 200 and application/json of {name}, found {found}"
            raise AnswerError(message)
        lines = "".join(f"{name}: {value}\r\n" for name, value in response.getheaders())
        self.head = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode()
        hold(expected, self.body)


class Sites:
    """The processes of one run."""

    def __init__(self, versions: dict[str, str]) -> None:
        self._versions = versions
        self._processes: list[Process] = []

    def faces(self, engine: str, n_trades: int) -> tuple[dict[str, Site], str, bytes]:
        """The face of an engine by the ways in which it is served, the path, and what has to be answered."""
        reply = self._start("the face", ENDPOINTS / "face.py", {"engine": engine, "n_trades": n_trades})
        path: str = reply["path"]
        return _sites(reply["ports"], path), path, reply["body"].encode()

    def fixed(self, server: str, path: str, response: bytes) -> Site:
        """A server of ``benchmarks/endpoints/<server>.py``, which answers with these bytes.

        Raises:
            MissingError: it cannot be compiled here.
        """
        options = {"path": path, "response": response.decode()}
        return Site(self._start(server, ENDPOINTS / f"{server}.py", options)["port"], path)

    def fastapi(self, path: str, body: bytes) -> dict[str, Site]:
        """Applications of FastAPI that answer with the same document, by how they do so."""
        document = msgspec.json.decode(body)
        reply = self._start("FastAPI", SOURCES / "fastapi_http.py", {"path": path, "document": document})
        return _sites(reply["ports"], path)

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.close()

    def _start(self, name: str, task: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        process = Process(name, Path(sys.executable), task, isolated=False)
        self._processes.append(process)
        process.ask({"do": "open", **options})
        reply = process.reply()
        self._versions.update(reply["versions"])
        return reply


def _sites(ports: Mapping[str, int], path: str) -> dict[str, Site]:
    return {way: Site(port, path) for way, port in ports.items()}
