"""The memory transport."""

from __future__ import annotations

import pytest

from bus.errors import CheckpointError, StreamFullError
from bus.memory import MemoryTransport
from bus.topics import Bus
from bus.transport import BEGINNING, EntryId
from tests.bus.transport_contract import TransportContract, fill, wait


class TestMemoryTransport(TransportContract):
    """The contract, in memory."""

    def make(self) -> MemoryTransport:
        """A fresh transport."""
        return MemoryTransport()


def test_a_full_stream_refuses_instead_of_dropping() -> None:
    """Nothing is evicted: at its bound a stream refuses and says what to do."""
    transport = MemoryTransport(bound=2)
    wait(fill(transport, Bus.ENGINE_LOGIC, 2))

    with pytest.raises(StreamFullError, match="trim or raise the bound"):
        wait(transport.publish(Bus.ENGINE_LOGIC, {"e": b"3"}))
    assert len(wait(transport.read(Bus.ENGINE_LOGIC, BEGINNING, 10))) == 2


def test_a_restart_loses_the_tail_and_changes_the_run_id() -> None:
    """A simulated restart gives another run id and an id the lost entries can be published above."""
    transport = MemoryTransport()
    ids = wait(fill(transport, Bus.MARKET_DATA, 5))
    before = wait(transport.run_id(Bus.MARKET_DATA))
    transport.restart(Bus.MARKET_DATA, lost=2)

    assert wait(transport.run_id(Bus.MARKET_DATA)) != before
    assert wait(transport.last_id(Bus.MARKET_DATA)) == ids[2]


def test_an_image_holds_everything() -> None:
    """A transport made from an image has the same entries, ids and blobs, and goes on numbering."""
    transport = MemoryTransport()
    wait(fill(transport, Bus.ENGINE_LOGIC, 3))
    wait(transport.trim(Bus.ENGINE_LOGIC, EntryId(0, 3)))
    wait(fill(transport, Bus.MARKET_DATA, 3))
    wait(transport.save("checkpoint/x", b"state"))
    copy = MemoryTransport.from_image(transport.image())

    assert wait(copy.read(Bus.MARKET_DATA, BEGINNING, 9)) == wait(
        transport.read(Bus.MARKET_DATA, BEGINNING, 9)
    )
    assert wait(copy.publish(Bus.ENGINE_LOGIC, {"e": b"4"})) == EntryId(0, 4)
    assert wait(copy.load("checkpoint/x")) == b"state"


def test_a_damaged_image_is_refused() -> None:
    """Bytes that are no image are named as such."""
    with pytest.raises(CheckpointError, match="Expected an image"):
        MemoryTransport.from_image(b"garbage")
