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
    """Counts every record and numbered event that passes, by its identity, in a thread of its own.

    A server that is killed while its log waits for the disk loses entries that were acknowledged and may have
    been read; they are said again, and rightly. So an event that comes a second time takes the place of one
    that the server no longer has, and stands twice only if it has both.
    """

    def __init__(self, urls: dict[str, str]) -> None:
        self.records: list[tuple[int, int]] = []
        """First and last sequence of each frame."""
        self.events: list[tuple[str, int, int]] = []
        """Source, epoch and sequence of each numbered event."""
        self.n_lost = 0
        """Events that a killed server lost after they were read."""
        self._places: dict[tuple[str, int, int], bytes] = {}
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
        place, client = b"0-0", self._client(bus)
        while True:
            ending = self._stopping.is_set()
            try:
                found: Any = client.xread({bus: place}, count=500, block=100)
                entries = found[0][1] if found else []
                for entry_id, fields in entries:
                    self._note(client, bus, entry_id, fields)
                    place = entry_id
            except redis.RedisError:
                if ending:
                    return
                client = self._client(bus)
                self._stopping.wait(0.01)
                continue
            if ending and not entries:
                return

    def _note(self, client: redis.Redis, bus: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        if bus == "md":
            first, last = struct.unpack_from("<QQ", fields[b"h"], 16)
            n_records = sum(len(np.frombuffer(data, "u1")) > 0 for data in fields.values())
            assert n_records
            self.records.append((first, last))
            return
        event: dict[str, Any] = msgpack.unpackb(fields[b"e"])
        if event["type"] not in OPERATIONAL and "." not in event["source"]:
            identity = (event["source"], event["epoch"], event["sequence"])
            known = self._places.get(identity)
            if known is not None and not client.xrange(bus, known, known):
                self.n_lost += 1
            else:
                self.events.append(identity)
            self._places[identity] = entry_id

    def _client(self, bus: str) -> redis.Redis:
        url = urlsplit(self._urls[bus])
        return redis.Redis(unix_socket_path=url.path, username=url.username, password=url.password)
