"""Processes and servers killed with signal 9 at any moment of a slow replay leave no trace in its log."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from shared.clock import pause
from tests.live.running import SETTINGS, Up, left_over, short_folder, wait_until
from tests.live.wire import WireCounter

VICTIMS = ("marketdata", "vpin", "recorder", "md", "logic")


def victims(chance: random.Random, n_kills: int) -> list[str]:
    """Whom to kill, in turn: everybody once, and then whoever it hits."""
    first = chance.sample(VICTIMS, len(VICTIMS))
    return [*first, *chance.choices(VICTIMS, k=max(n_kills - len(first), 0))][:n_kills]


def killed_or_over(up: Up, victim: str) -> bool:
    """Whether somebody was killed, or never can be, because the session has ended."""
    return not up.is_running or up.kill(victim)


def disturbed(sample: Path, folder: Path, seed: int, n_kills: int, speed: str) -> tuple[bytes, WireCounter]:
    """The log of a fleet of which a process or a server is killed now and then."""
    chance = random.Random(seed)
    output = folder.parent / "out"
    arguments = ["--replay", sample, *SETTINGS, "--speed", speed, "--exit-when-done", "--output", output]
    with Up(folder, [*arguments, "--set", "fleet.frame_size=256"]) as up:
        fleet = up.until_up()
        wire = WireCounter(fleet.buses)
        try:
            for victim in victims(chance, n_kills):
                pause(chance.uniform(0.1, 1.0))
                wait_until(partial(killed_or_over, up, victim), f"{victim} to be there to be killed")
                assert up.is_running, f"seed {seed}: the session ended before {victim} was killed"
            status, out, error = up.wait()
        finally:
            wire.stop()
        assert status == 0, f"seed {seed}: {out}{error}"
        assert left_over(folder) == []
    return (output / "events.jsonl").read_bytes(), wire


def check_wire(wire: WireCounter, log: bytes) -> None:
    """Nothing numbered stood twice on the wire, and everything that the log has was there."""
    assert len(set(wire.events)) == len(wire.events)
    assert len(wire.events) == len(log.splitlines())
    reached = 0
    for first, last in wire.records:  # a frame that is sent anew may begin before the last one's end
        assert first <= reached + 1
        reached = max(reached, last)
    assert sorted(wire.events) == [("vpin", 1, number) for number in range(1, len(wire.events) + 1)]


@pytest.mark.parametrize("seed", range(2))
def test_kills_leave_no_trace(sample: Path, expected: bytes, seed: int) -> None:
    """Six kills in each session, of every sort: the log is that of an undisturbed replay."""
    with short_folder() as folder:
        log, wire = disturbed(sample, folder, seed, n_kills=6, speed="1500x")
    assert log == expected
    check_wire(wire, log)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_thousand_kills_leave_no_trace(sample: Path, expected: bytes, seed: int) -> None:
    """Ten kills in each of a hundred seeded sessions."""
    with short_folder() as folder:
        log, wire = disturbed(sample, folder, seed, n_kills=10, speed="700x")
    assert log == expected
    check_wire(wire, log)
