"""Lines about events on Engine Logic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bus import codec
from bus.codec import Codec
from bus.envelope import RawEvent
from bus.errors import DecodeError
from bus.topics import TOPICS, Bus
from knotmeter.cli.bus_follower import Entry
from knotmeter.cli.tail_line import Line, Wanted, garbage, line_text, missed, plain

_SHOWN_FIRST: Final = "instrument_id"


class EventLines:
    """Makes lines of events; one that stands on the bus a second time is not shown a second time.

    Args:
        wanted: what is shown.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._codec = Codec(TOPICS.values())
        self._last: dict[str, tuple[int, int]] = {}

    def of(self, entry: Entry) -> Iterator[Line]:
        """The line of one event, if it is wanted and new."""
        where = f"{Bus.ENGINE_LOGIC} {entry.id}"
        try:
            event = codec.decode_envelope(entry.fields.get("e", b""), where)
            if self._codec.knows(event.type):
                self._codec.decode_payload(event, where)
            payload = msgspec.msgpack.decode(event.payload, type=dict[str, Any])
        except (DecodeError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield garbage(Bus.ENGINE_LOGIC, entry, error)
            return
        before = self._last.get(event.source)
        if not self._is_new(event):
            return
        if before is not None and before[0] == event.epoch and event.sequence > before[1] + 1:
            yield missed(Bus.ENGINE_LOGIC, entry, event.source, before[1] + 1, event.sequence - 1)
        if self._fits(event, payload):
            yield _line(entry, event, payload)

    def _is_new(self, event: RawEvent) -> bool:
        """Whether an event was not seen before; operational ones are not numbered and always new."""
        topic = TOPICS.get(event.type)
        if topic is not None and topic.operational:
            return True
        identity = (event.epoch, event.sequence)
        if identity <= self._last.get(event.source, (0, 0)):
            return False
        self._last[event.source] = identity
        return True

    def _fits(self, event: RawEvent, payload: dict[str, Any]) -> bool:
        wanted = self._wanted.instrument
        return self._wanted.takes(event.type) and wanted in (None, payload.get(_SHOWN_FIRST))


def _line(entry: Entry, event: RawEvent, payload: dict[str, Any]) -> Line:
    """What is missing is left out of the text, and so are further times; both stand in the content."""
    shown = [
        f"{name}={plain(value)}"
        for name, value in payload.items()
        if value is not None and name != _SHOWN_FIRST and not name.startswith("ts_")
    ]
    about = [str(payload[_SHOWN_FIRST])] if _SHOWN_FIRST in payload else []
    rest = " ".join([event.source, *about, *shown])
    content = {"bus": Bus.ENGINE_LOGIC.value, "entry": entry.id, **msgspec.structs.asdict(event)}
    return Line(line_text(event.ts_event, event.type, rest), content | {"payload": payload})
