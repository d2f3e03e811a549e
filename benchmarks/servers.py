"""Servers of benchmarks beside the two Redis servers, and ports for them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness import MissingError
from benchmarks.peer import interpreter


def free_port() -> int:
    """A TCP port of the loopback interface that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def nats_server(*, install: bool) -> Iterator[int]:
    """A NATS server from the environment of that peer; gives its port.

    Raises:
        MissingError: the environment is not there, or the server does not start.
    """
    program = interpreter("nats", install=install).with_name("nats-server")
    port = free_port()
    command = [str(program), "--addr", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if "Server is ready" in line:
                    break
            else:
                message = "expected a NATS server to start, it ended"
                raise MissingError(message)
            yield port
        finally:
            server.kill()
