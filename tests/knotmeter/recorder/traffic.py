"""Traffic on both buses, with everything that can go wrong on the way, and what should be kept of it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from bus import codec, frames
from bus.envelope import AnyEvent, Cause, Event, RawEvent
from bus.errors import DecodeError
from bus.messages.control import DeadLetter, EngineStatus, Gap, Watermark
from bus.records import END_OF_TIME, KINDS, Records
from bus.topics import TOPICS, Bus
from bus.transport import Entry, EntryId
from tests.bus.slices import flow, rows

DAY = 86_400_000_000_000
START = 19_700 * DAY - DAY // 2
"""First time of the traffic, ns: noon, so that midnights follow."""

SOURCES = ("alpha", "beta", "gamma")
"""Who says events."""

Traffic = dict[Bus, list[Entry]]
Content = dict[str, list[Any]]
"""Rows by partition."""


def traffic(seed: int, n_records: int = 120, n_events: int = 80) -> Traffic:
    """A session: frames and events over some days, with overlaps, repetitions, gaps and rubbish."""
    generator = random.Random(seed)
    return {
        Bus.MARKET_DATA: list(_frames(generator, n_records)),
        Bus.ENGINE_LOGIC: list(_events(generator, n_events)),
    }


def clean(seed: int, n_records: int = 60, n_events: int = 40) -> Traffic:
    """A session in which nothing goes wrong, and which ends."""
    generator = random.Random(seed)
    records = _flow(generator, n_records)
    parts = list(records.cut(7))
    market = [frame(part, 1, END_OF_TIME if part is parts[-1] else part.last_ts_init - 1) for part in parts]
    logic, numbers = [], Counter[str]()
    for time in sorted(generator.choices(range(START, START + 3 * DAY), k=n_events)):
        source = generator.choice(SOURCES)
        numbers[source] += 1
        logic.append(event(source, numbers[source], time))
    logic += [operational(source, numbers[source], Watermark(watermark=END_OF_TIME)) for source in SOURCES]
    return {
        Bus.MARKET_DATA: market,
        Bus.ENGINE_LOGIC: [entry(number, one) for number, one in enumerate(logic, 1)],
    }


def frame(records: Records, epoch: int, watermark: int = 0) -> Entry:
    """An entry of MarketData."""
    fields = frames.encode(records, epoch=epoch, watermark=watermark, ts_publish=0)
    return Entry(EntryId(epoch, records.last_sequence), {name: bytes(data) for name, data in fields.items()})


def entry(number: int, said: AnyEvent) -> Entry:
    """An entry of Engine Logic."""
    return Entry(EntryId(1_000 + number, 0), {"e": codec.encode(said)})


def event(source: str, sequence: int, ts_event: int = START, **others: Any) -> AnyEvent:
    """A numbered event."""
    given = {
        "type": "remark",
        "version": 1,
        "epoch": 1,
        "ts_publish": 5,
        "payload": {"n": sequence},
        **others,
    }
    return Event(source=source, sequence=sequence, ts_event=ts_event, **given)


def operational(
    source: str, sequence: int, payload: msgspec.Struct, ts_event: int = START, epoch: int = 1
) -> AnyEvent:
    """An operational event."""
    name = next(name for name, topic in TOPICS.items() if topic.payload is type(payload))
    return event(source, sequence, ts_event, type=name, payload=payload, epoch=epoch)


def expected(sent: Traffic) -> Content:
    """What a recording must hold of traffic: found one message at a time, by sets of what was seen."""
    content: Content = defaultdict(list)
    seen: dict[str, tuple[int, int]] = {}
    last_id: dict[Bus, EntryId] = {}
    for bus, entries in sent.items():
        for one in entries:
            if one.id <= last_id.get(bus, EntryId(0, 0)):
                continue
            last_id[bus] = one.id
            try:
                rows = list(_rows(bus, one))
            except DecodeError as error:
                content["dead_letters"].append((bus.value, *one.id, str(error)))
                continue
            for producer, place, folder, row in rows:
                if producer is not None:
                    if place <= seen.get(producer, (0, 0)):
                        continue
                    seen[producer] = place
                content[folder].append(row)
    return dict(content)


def event_row(one: RawEvent) -> tuple[Any, ...]:
    """An event as a row, to compare."""
    place = (one.type, one.version, one.source, one.epoch, one.sequence)
    return (*place, one.ts_event, one.ts_publish, one.trace, one.cause, bytes(one.payload))


def _rows(bus: Bus, one: Entry) -> Iterator[tuple[str | None, tuple[int, int], str, Any]]:
    """Every message of an entry: producer, place, partition and row; operational ones have no producer."""
    if bus is Bus.MARKET_DATA:
        header, records = frames.decode(one.fields, f"{bus} {one.id}")
        messages = [(kind, record) for kind, array in records for record in rows(array)]
        for kind, record in sorted(messages, key=lambda message: message[1][0]):
            folder = f"market/{kind}/date={_date(record[2])}"
            yield "md", (header.epoch, record[0]), folder, (header.epoch, *record)
        return
    raw = codec.decode_envelope(one.fields.get("e", b""), f"{bus} {one.id}")
    row = event_row(raw)
    if raw.type in ("gap", "dead_letter"):
        yield None, (0, 0), f"operational/date={_date(raw.ts_event)}", row
    elif raw.type not in ("watermark", "engine_status"):
        yield raw.source, (raw.epoch, raw.sequence), f"events/date={_date(raw.ts_event)}", row


def _date(nanoseconds: int) -> str:
    return {19_699: "2023-12-08", 19_700: "2023-12-09", 19_701: "2023-12-10", 19_702: "2023-12-11"}[
        nanoseconds // DAY
    ]


def _flow(generator: random.Random, n_records: int, first: int = 1) -> Records:
    kinds = generator.choices(sorted(KINDS), k=n_records)
    times = sorted(generator.choices(range(START, START + 3 * DAY), k=n_records))
    return flow(kinds, first, times)


def _frames(generator: random.Random, n_records: int) -> Iterator[Entry]:
    """Two epochs of frames; some overlap, some are lost, some are rubbish, some come again."""
    for epoch in (1, 2):
        records = _flow(generator, n_records // 2)
        done = 0
        while done < len(records):
            overlap = generator.choice((0, 0, 0, generator.randint(0, done)))
            done += generator.choice((0, 0, 0, 0, 3))
            first, last = done - overlap + 1, min(done + generator.randint(1, 9), len(records))
            if first > last:
                break
            part = records.split_at_sequence(first)[1].split_at_sequence(last + 1)[0]
            made = frame(part, epoch, part.last_ts_init - 1)
            is_rubbish = generator.random() < 0.05
            yield Entry(made.id, {"h": b"rubbish"}) if is_rubbish else made
            if generator.random() < 0.1:
                yield made
            done = last


def _events(generator: random.Random, n_events: int) -> Iterator[Entry]:
    """Events of some sources in a mixed order; some are said again, some are lost, some are rubbish."""
    numbers, epochs, times = Counter[str](), Counter(SOURCES), dict.fromkeys(SOURCES, START)
    said: list[AnyEvent] = []
    for number in range(n_events):
        source = generator.choice(SOURCES)
        times[source] = min(times[source] + generator.randint(0, DAY // 5), START + 3 * DAY)
        kind = generator.choices(
            ("new", "again", "lost", "epoch", "operational", "rubbish"), (60, 10, 5, 2, 20, 3)
        )
        if kind == ["again"] and said:
            yield entry(number, generator.choice(said))
            continue
        if kind == ["rubbish"]:
            yield Entry(EntryId(1_000 + number, 0), {"e": b"\xc1"})
            continue
        if kind == ["operational"]:
            yield entry(number, _operational(generator, source, numbers[source], times[source]))
            continue
        if kind == ["epoch"]:
            epochs[source], numbers[source] = epochs[source] + 1, 0
        numbers[source] += 2 if kind == ["lost"] else 1
        trace = generator.choice((None, number))
        cause = None if trace is None else Cause("md", number)
        said.append(
            event(source, numbers[source], times[source], epoch=epochs[source], trace=trace, cause=cause)
        )
        yield entry(number, said[-1])


def _operational(generator: random.Random, source: str, sequence: int, time: int) -> AnyEvent:
    payloads = (
        Watermark(watermark=time),
        EngineStatus(n_handled=1, n_dead_letters=0, n_missing=0, lag_seconds=0.5),
        Gap(producer="md", first_sequence=1, last_sequence=2),
        DeadLetter(
            producer="md",
            producer_epoch=1,
            producer_sequence=sequence,
            message_type="trade",
            error="wrong",
            content=b"\0" * 48,
        ),
    )
    return operational(source, sequence, generator.choice(payloads), time)
