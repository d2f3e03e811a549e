"""A running fleet seen from outside: the client, the commands that operate it, and a plain program."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from knotmeter import AsyncClient, Client
from tests.live.running import DEADLINE_SECONDS, TRADES, Up, environment, knotmeter, short_folder, wait_until

PROGRAM = r"""
import json
import struct
import sys
from pathlib import Path

import msgpack
import numpy as np
import redis

fleet = json.loads((Path(sys.argv[1]) / "fleet.json").read_text())

# MarketData: field `h` of an entry is a header, every other field an array of records of one kind.
TRADE = [("sequence", "<u8"), ("ts_event", "<i8"), ("ts_init", "<i8"), ("price", "<i8"), ("size", "<i8")]
TRADE += [("instrument", "<u4"), ("aggressor_side", "i1"), ("side_origin", "u1"), ("flags", "<u2")]
n_trades, reached = 0, (0, 0)
for _, entry in redis.from_url(fleet["buses"]["md"]).xrange("md"):
    magic, version, epoch, first, last = struct.unpack_from("<4sHxxQQQ", entry[b"h"])
    assert (magic, version) == (b"KNOT", 1)
    trades = np.frombuffer(entry.get(b"trade", b""), TRADE)
    seen = reached[1] if epoch == reached[0] else 0
    n_trades += int((trades["sequence"] > seen).sum())  # a frame may say again what was said before
    reached = max(reached, (epoch, last))

# Engine Logic: field `e` of an entry is an event in MessagePack.
counts, cursors = {}, {}
for _, entry in redis.from_url(fleet["buses"]["logic"]).xrange("logic"):
    event = msgpack.unpackb(entry[b"e"])
    identity = (event["epoch"], event["sequence"])
    if event["type"] == "toxicity" and identity > cursors.get(event["source"], (0, 0)):
        cursors[event["source"]] = identity
        counts[event["type"]] = counts.get(event["type"], 0) + 1

print(json.dumps({"trades": n_trades, **counts}))
"""
"""A program as anybody may write it: redis-py, msgpack and NumPy, and nothing of Knotmeter's."""

SETTINGS = (
    *("--set", "vpin.bucket_volume=20000", "--set", "vpin.buckets_kept=1000"),
    *("--set", "fleet.checkpoint_seconds=0.3", "--set", "fleet.keep_seconds=3600"),
)

INSTRUMENT = "SAMPLE.SIM"


@pytest.fixture(scope="module")
def going(sample: Path) -> Iterator[Up]:
    """A fleet that replays six hours in six minutes, so that it is at work throughout."""
    with short_folder() as folder, Up(folder, ["--replay", sample, *SETTINGS, "--speed", "60x"]) as up:
        up.until_up()
        with Client.of_fleet(folder) as client:
            wait_until(lambda: _n_buckets(client) > 0, "the first bucket")
        yield up


@pytest.fixture(scope="module")
def finished(sample: Path) -> Iterator[Up]:
    """A fleet that has replayed and recorded everything."""
    with short_folder() as folder, Up(folder, ["--replay", sample, *SETTINGS]) as up:
        up.until_up()
        with Client.of_fleet(folder) as client:
            wait_until(lambda: client.recorder.state().complete, "the end of the recording")
        yield up


def _n_buckets(client: Client) -> int:
    """Completed buckets of the sample's instrument."""
    latest = client.vpin.toxicity().instruments
    return 0 if not latest or latest[0].latest is None else latest[0].latest.bucket_index + 1


def operate(up: Up, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command on a fleet; what it prints fits 80 columns, but for what a followed bus says."""
    done = knotmeter(*arguments, "--folder", up.place)
    if "--json" not in arguments and arguments[0] != "tail":
        lines = [line for line in done.stdout.splitlines() if str(up.place) not in line]
        assert max(map(len, lines), default=0) <= 80, done.stdout
    return done


@contextmanager
def operating(up: Up, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "knotmeter", *map(str, arguments), "--folder", str(up.place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_plain_program_reads_both_buses(finished: Up, tmp_path: Path) -> None:
    """With redis-py, msgpack and NumPy alone it counts what the client is told."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", program, finished.place],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)

    with Client.of_fleet(finished.place) as client:
        buckets = client.vpin.buckets(INSTRUMENT, limit=1000).buckets
        trades = client.marketdata.trades(INSTRUMENT, limit=1)
    assert counted == {"trades": TRADES, "toxicity": len(buckets)}
    assert (trades.n_observations, buckets[-1].bucket_index + 1) == (TRADES, len(buckets))


def test_the_client_s_computation_is_that_of_the_bus(finished: Up) -> None:
    """The trades that the recording holds, sent as columns, give the buckets that were published."""
    import pyarrow.parquet as pq

    trades = pq.read_table(finished.folder.recording / "market" / "trade").sort_by("sequence")
    with Client.of_fleet(finished.place) as client:
        published = client.vpin.buckets(INSTRUMENT, limit=1000).buckets
        computed = client.vpin.compute(
            trades={
                "ts_event": trades["ts_event"].to_numpy(),
                "price": trades["price"].to_numpy() / 1e9,
                "size": trades["size"].to_numpy().astype(np.float64),
                "aggressor_side": trades["aggressor_side"].to_numpy(),
            },
            bucket_volume=20_000,
        )
    assert computed.n_observations == TRADES
    assert [bucket.vpin for bucket in computed.buckets] == [bucket.vpin for bucket in published]


def test_both_clients_see_the_whole_fleet(finished: Up) -> None:
    """Whatever the engines are; the one to await asks all of them at once."""

    async def run() -> list[Any]:
        async with AsyncClient.of_fleet(finished.place) as client:
            engines = [client.engine(name) for name in client.names]
            specs = await asyncio.gather(*(engine.spec() for engine in engines))
            states = await asyncio.gather(*(engine.state() for engine in engines))
            assert [spec.name for spec in specs] == [state.name for state in states] == client.names
            return [state.n_handled for state in states]

    with Client.of_fleet(finished.place) as client:
        assert [client.engine(name).state().n_handled for name in client.names] == asyncio.run(run())
        assert client.recorder.ready().phase == "finished"
        assert all(client.engine(name).health().status == "alive" for name in client.names)
        (instrument,) = client.marketdata.instruments().instruments
        assert instrument.instrument_id == INSTRUMENT
        assert client.marketdata.quotes(INSTRUMENT).reason == "no_quote"
        assert len(client.marketdata.bars(INSTRUMENT, limit=5).bars) == 5
        sides = client.vpin.classify(
            classification="tick_rule", trades={"ts_event": [1, 2], "price": [2.0, 1.0]}
        )
        assert sides.sides[1] == -1


def test_status_of_a_fleet_that_is_well(finished: Up) -> None:
    """Every process and bus, what is recorded, and status 0; the same as JSON."""
    done = operate(finished, "status")
    told = json.loads(operate(finished, "status", "--json").stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" finished ") == 3
    assert "complete" in done.stdout
    assert told["ready"] is True
    assert all(bus["is_up"] and bus["n_entries"] > 0 for bus in told["buses"])
    assert all(process["n_dead_letters"] == 0 for process in told["processes"])
    assert told["recording"]["n_events"] > 0


def test_status_of_a_fleet_with_a_process_that_stands_still(going: Up) -> None:
    """It is shown as silent, the others as they are, and the status is 1 until it answers again."""
    pid = going.pid("vpin")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        done = operate(going, "status")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 1
    assert "vpin is silent: GET http://127.0.0.1:" in done.stdout
    wait_until(lambda: operate(going, "status").returncode == 0, "a fleet that is well")


def test_the_client_waits_for_an_engine_that_restarts(going: Up) -> None:
    """A query made while an engine is started again is answered by the new process."""
    with Client.of_fleet(going.place, patience=DEADLINE_SECONDS) as client:
        before = client.vpin.state().n_handled
        assert going.kill("vpin")
        wait_until(lambda: client.vpin.ready().ready, "the engine's return")
        assert client.vpin.state().n_handled > 0
        wait_until(lambda: client.vpin.state().n_handled > before, "the engine's going on")


def test_top_prints_frames(going: Up) -> None:
    """One if it is asked for one; else one after the other until Ctrl-C, which is status 130."""
    once = operate(going, "top", "--once", "--interval", "0.5")
    assert (once.returncode, once.stderr) == (0, "")
    assert once.stdout.count("per second") == 1
    assert "rung: 0 baseline" in once.stdout

    with operating(going, "top", "--interval", "0.2") as process:
        assert process.stdout is not None
        n_frames = 0
        for line in process.stdout:
            n_frames += "per second" in line
            if n_frames == 2:
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, error) == (130, "")


def test_tail_shows_what_was_said(finished: Up) -> None:
    """Records and events, from the start, by type and instrument, for people and programs."""
    events = operate(finished, "tail", "logic", "--from-start", "--type", "toxicity", "--count", 3)
    assert [line.split()[2:5] for line in events.stdout.splitlines()] == [
        ["toxicity", "vpin", INSTRUMENT]
    ] * 3

    wanted = ("--from-start", "--json", "--instrument", INSTRUMENT, "--type", "trade")
    records = operate(finished, "tail", "md", *wanted, "--count", TRADES)
    told = [json.loads(line) for line in records.stdout.splitlines()]
    assert (records.returncode, len({record["sequence"] for record in told})) == (0, TRADES)
    assert {record["instrument_id"] for record in told} == {INSTRUMENT}


def test_tail_follows_through_a_restart_of_the_server(going: Up) -> None:
    """Every clock of the feed once and in order, before and after a kill; Ctrl-C ends it quietly."""
    with operating(going, "tail", "md", "--type", "clock", "--json") as process:
        assert process.stdout is not None
        sequences = [json.loads(process.stdout.readline())["sequence"]]
        assert going.kill("md")
        with Client.of_fleet(going.place) as client:
            reached = client.vpin.state().vitals.cursors["md"][1]
        while sequences[-1] <= reached + 200:  # what comes now was published on the new server
            sequences.append(json.loads(process.stdout.readline())["sequence"])
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 130
    assert sequences == sorted(set(sequences))
    complaints = [line.removeprefix("knotmeter tail: ")[:10] for line in error.splitlines()]
    assert complaints == ["md is lost", "md is foun"]


def test_garbage_is_shown_and_set_aside(going: Up) -> None:
    """An entry that is no event: `tail` shows it, the engine sets it aside, and trying again is refused."""
    secrets = json.loads((going.folder.servers / "secrets.json").read_text())
    administrator = redis.Redis(
        unix_socket_path=str(going.folder.servers / "logic.sock"), username="admin", password=secrets["admin"]
    )
    administrator.xadd("logic", {"e": b"\xc1 no event"})
    with Client.of_fleet(going.place) as client:
        wait_until(lambda: client.vpin.dead_letters().n_dead_letters > 0, "a dead letter")
    shown = operate(going, "tail", "logic", "--from-start", "--type", "gap", "--count", 1)
    assert shown.stdout.startswith("garbage in entry ")
    listed = operate(going, "dead-letters", "list", "--engine", "vpin")
    assert "0: entry " in listed.stdout
    assert "Expected an event" in listed.stdout
    again = operate(going, "dead-letters", "redrive", "vpin", 0)
    assert again.returncode == 1
    assert again.stdout.startswith("vpin 0: expected a command that can be applied, found `redrive`")


def test_no_engine_of_today_takes_orders(finished: Up) -> None:
    """So there is nothing to halt, and that is said clearly."""
    done = operate(finished, "halt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected an engine that takes `halt`, found none in this fleet" in done.stderr
