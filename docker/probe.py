"""Whether the process of this container is ready: exit status 0 and what it says of itself, else 1.

The health check runs it every few seconds in every container, hence as little of Python as will do:
``python -I -S probe.py``.
"""

import os
import socket
import sys

SECONDS = 2.0


def main() -> int:
    """Ask once."""
    port = int(os.environ["KNOTMETER_HTTP__PORT"])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        sys.stdout.write(f"expected an answer at port {port}, found: {error}\n")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    sys.stdout.write(body.decode("utf-8", "replace"))
    return 0 if head.split(b" ", 2)[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
