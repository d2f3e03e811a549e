"""Both buses as a plain program reads them: redis-py and msgpack, nothing of ours."""

from __future__ import annotations

import struct
import threading
from typing import Any
from urllib.parse import urlsplit

import msgpack
import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

OPERATIONAL = ("watermark", "engine_status", "standing", "gap", "dead_letter")


class WireCounter:
    """Counts every record and numbered event that passes, by its identity, in a thread of its own.

    A server that is killed while its log waits for the disk loses entries that were acknowledged and may have
    been read; they are said again, and rightly. So what a restarted server no longer has is not counted.
    """

    def __init__(self, urls: dict[str, str]) -> None:
        self.records: list[tuple[int, int]] = []
        """First and last sequence of each frame."""
        self.events: list[tuple[str, int, int]] = []
        """Source, epoch and sequence of each numbered event."""
        self.n_lost = 0
        """Events that a killed server lost after they were read."""
        self._places: list[bytes] = []
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
        place, client, is_new = b"0-0", self._client(bus), False
        while True:
            ending = self._stopping.is_set()
            try:
                if is_new and bus == "logic":
                    self._forget_lost(client)
                is_new = False
                found: Any = client.xread({bus: place}, count=500, block=100)
            except redis.RedisError:
                if ending:
                    return
                client, is_new = self._client(bus), True
                self._stopping.wait(0.01)
                continue
            entries = found[0][1] if found else []
            for entry_id, fields in entries:
                place = entry_id
                self._note(bus, entry_id, fields)
            if ending and not entries:
                return

    def _forget_lost(self, client: redis.Redis) -> None:
        """Drop events that stood behind the first entry of the stream and stand there no more."""
        entries: Any = client.xrange("logic")
        kept = {entry_id for entry_id, _ in entries}
        first = _order(entries[0][0]) if entries else (0, 0)
        is_there = [place in kept or _order(place) < first for place in self._places]
        self.n_lost += is_there.count(False)
        pairs = list(zip(is_there, self.events, self._places, strict=True))
        self.events = [event for there, event, _ in pairs if there]
        self._places = [place for there, _, place in pairs if there]

    def _note(self, bus: str, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        if bus == "md":
            first, last = struct.unpack_from("<QQ", fields[b"h"], 16)
            n_records = sum(len(np.frombuffer(data, "u1")) > 0 for data in fields.values())
            assert n_records
            self.records.append((first, last))
            return
        event: dict[str, Any] = msgpack.unpackb(fields[b"e"])
        if event["type"] not in OPERATIONAL and "." not in event["source"]:
            self.events.append((event["source"], event["epoch"], event["sequence"]))
            self._places.append(entry_id)

    def _client(self, bus: str) -> redis.Redis:
        url = urlsplit(self._urls[bus])
        return redis.Redis(
            unix_socket_path=url.path,
            username=url.username,
            password=url.password,
            retry=Retry(NoBackoff(), 0),  # a broken connection is to be noticed here
        )


def _order(entry_id: bytes) -> tuple[int, int]:
    """An entry's id as numbers."""
    first, second = entry_id.split(b"-")
    return int(first), int(second)
