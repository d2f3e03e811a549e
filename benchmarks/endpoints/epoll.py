"""The floor: the whole server is one call into benchmarks/c/http_server.c."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from benchmarks import native

DISTRIBUTIONS = ()


class Worker:
    """One process; the server has a thread to itself, beside one that waits for requests."""

    def open(self, path: str, response: str) -> dict[str, Any]:
        """Answer requests for a path with this, head and body; gives the port."""
        library = native.load("http_server")
        port = ctypes.c_int()
        listener = library.http_listen(ctypes.byref(port))
        if listener < 0:
            message = "expected a free port of the loopback interface, found none"
            raise ConnectionError(message)
        data = response.encode()
        arguments = (listener, path.encode(), data, ctypes.c_size_t(len(data)))
        threading.Thread(target=library.http_serve, args=arguments, daemon=True).start()
        return {"port": port.value, "versions": {}}
