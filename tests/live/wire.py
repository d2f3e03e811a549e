"""Both buses as a plain program reads them: redis-py and msgpack, nothing of ours."""

from __future__ import annotations

import struct
import threading
from typing import Any
from urllib.parse import urlsplit

import msgpack
import numpy as np
import redis

OPERATIONAL = ("watermark", "engine_status", "standing", "gap", "dead_letter")


class WireCounter:
    """Counts every record and numbered event that passes, by its identity, in a thread of its own."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.records: list[tuple[int, int]] = []
        """First and last sequence of each frame."""
        self.events: list[tuple[str, int, int]] = []
        """Source, epoch and sequence of each numbered event."""
        self._urls = urls
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(bus,)) for bus in ("md", "logic")]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Read what is left and return."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, bus: str) -> None:
        place, client = "0-0", self._client(bus)
        while True:
            ending = self._stopping.is_set()
            try:
                found: Any = client.xread({bus: place}, count=500, block=100)
            except redis.RedisError:
                if ending:
                    return
                client = self._client(bus)
                self._stopping.wait(0.01)
                continue
            entries = found[0][1] if found else []
            for entry_id, fields in entries:
                place = entry_id
                self._note(bus, fields)
            if ending and not entries:
                return

    def _note(self, bus: str, fields: dict[bytes, bytes]) -> None:
        if bus == "md":
            first, last = struct.unpack_from("<QQ", fields[b"h"], 16)
            n_records = sum(len(np.frombuffer(data, "u1")) > 0 for data in fields.values())
            assert n_records
            self.records.append((first, last))
            return
        event: dict[str, Any] = msgpack.unpackb(fields[b"e"])
        if event["type"] not in OPERATIONAL and "." not in event["source"]:
            self.events.append((event["source"], event["epoch"], event["sequence"]))

    def _client(self, bus: str) -> redis.Redis:
        url = urlsplit(self._urls[bus])
        return redis.Redis(unix_socket_path=url.path, username=url.username, password=url.password)
