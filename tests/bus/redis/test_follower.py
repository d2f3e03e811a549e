"""Reading a stream as it grows."""

from __future__ import annotations

from bus.redis.follower import REPLY_BYTES, Pace
from bus.server import EmbeddedServers
from bus.topics import Bus
from bus.transport import BEGINNING, Entry, EntryId
from tests.bus.redis_servers import connect
from tests.bus.transport_contract import wait


def test_the_pace_follows_the_size_of_entries() -> None:
    """Small entries are asked for by the limit, large ones by their size, after a lost reply one at first."""
    pace = Pace()
    assert pace.count(10) == 10

    pace.learn([Entry(EntryId(1, 1), {"h": bytes(100)})])
    assert pace.count(1_000) == 1_000
    pace.learn([Entry(EntryId(1, 1), {"h": bytes(10)}), Entry(EntryId(1, 2), {"h": bytes(REPLY_BYTES // 4)})])
    assert pace.count(1_000) == 3
    pace.learn([])
    assert pace.count(1_000) == 3
    pace.learn([Entry(EntryId(1, 1), {"h": bytes(2 * REPLY_BYTES)})])
    assert pace.count(1_000) == 1
    pace.learn([Entry(EntryId(1, 1), {"h": b""})])
    pace.distrust()
    assert pace.count(1_000) == 1


def test_a_backlog_of_large_entries_comes_in_bounded_replies(servers: EmbeddedServers) -> None:
    """A reader far behind gets everything, a bounded number of bytes at a time, whichever way it reads."""
    size = 1_000_000

    async def script() -> None:
        transport = connect(servers)
        for number in range(1, 31):
            await transport.publish(Bus.MARKET_DATA, {"h": bytes(size)}, EntryId(1, number))
        for waiting in (True, False):
            after, counts = BEGINNING, list[int]()
            while after < EntryId(1, 30):
                if waiting:
                    entries = (await transport.wait_for_entries({Bus.MARKET_DATA: after}, 30.0))[
                        Bus.MARKET_DATA
                    ]
                else:
                    entries = await transport.read(Bus.MARKET_DATA, after, 1_000)
                after = entries[-1].id
                counts.append(len(entries))
            assert sum(counts) == 30
            assert max(counts[1:], default=0) * size <= REPLY_BYTES

    wait(script())


def test_large_entries_behind_small_ones_are_noticed(servers: EmbeddedServers) -> None:
    """After many small entries, replies of large ones are bounded again from the second on."""
    size = 1_000_000

    async def script() -> None:
        reader, writer = connect(servers), connect(servers)
        after, counts = BEGINNING, list[int]()
        for number in range(1, 6):
            await writer.publish(Bus.MARKET_DATA, {"h": b"small"}, EntryId(1, number))
            (entry,) = (await reader.wait_for_entries({Bus.MARKET_DATA: after}, 30.0))[Bus.MARKET_DATA]
            after = entry.id
        for number in range(6, 36):
            await writer.publish(Bus.MARKET_DATA, {"h": bytes(size)}, EntryId(1, number))
        while after < EntryId(1, 35):
            entries = (await reader.wait_for_entries({Bus.MARKET_DATA: after}, 30.0))[Bus.MARKET_DATA]
            after = entries[-1].id
            counts.append(len(entries))

        assert sum(counts) == 30
        assert max(counts[1:], default=0) * size <= REPLY_BYTES

    wait(script())
