"""Export: the folder of a replay, byte for byte, from a recording of the same session."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bus import codec
from bus.messages.control import Command
from bus.records import Records
from bus.topics import Bus
from bus.transport import Entry, EntryId
from knotmeter.output.folder import OutputFolder
from knotmeter.recorder import canonical
from knotmeter.recorder.export import Exported, export
from knotmeter.recorder.recorder import Recorder
from knotmeter.recorder.recording import Recording, Terms
from shared.errors import DataError
from shared.instruments import Instrument, to_records
from tests.bus.slices import flow
from tests.knotmeter.conftest import Knotmeter
from tests.knotmeter.recorder.disks import QuickDisk
from tests.knotmeter.recorder.sessions import record, said
from tests.knotmeter.recorder.traffic import START, entry, event, frame
from tests.knotmeter.toy_fleet import N_RECORDS, contents, write_file

RECORDING = Path("recording")
OUT = Path("OUT")


def exported(place: Path = RECORDING, out: Path = OUT) -> Exported:
    """Export a recording."""
    with OutputFolder(out) as output:
        output.begin()
        found = export(place, output)
        output.finish()
    return found


def run_of(folder: Path = OUT) -> dict[str, Any]:
    """What the export says of the session."""
    run: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return run


def recorded(entries: list[tuple[Bus, Entry]], engines: tuple[str, ...] = ()) -> None:
    """Record some entries."""
    recording = Recording.open(RECORDING, Terms(engines=engines), QuickDisk())
    recorder = Recorder(recording)
    for bus, one in entries:
        recorder.receive(bus, one)
    recorder.flush()
    recording.close()


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("seed", range(3))
def test_an_export_is_the_output_of_a_replay(
    knotmeter: Knotmeter, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Log, tables, bars, instruments and dead letters: the same bytes, whatever kills there were."""
    path = write_file(Path("trades.json"), N_RECORDS, seed, bad=(10, 20, 30))
    assert knotmeter("replay", path, "--output", "REPLAYED").status == 0
    sent, engines = said([path], frame_size=random.Random(seed).choice((1, 7, 500)))
    record(RECORDING, sent, engines, random.Random(seed))
    monkeypatch.setattr(canonical, "SORTED_ROWS", 50)
    found = exported()

    replayed, out = contents(Path("REPLAYED")), contents(OUT)
    replay_run, run = json.loads(replayed.pop("run.json")), json.loads(out.pop("run.json"))
    assert out.keys() == replayed.keys()
    assert out == replayed
    assert found.manifest.complete
    assert run["complete"] is True
    assert run["events"] == replay_run["events"] == found.counts
    assert run["dead_letters"] == {
        name: count for name, count in replay_run["dead_letters"].items() if name != "source"
    }
    assert run["missing"] == {"recorder": 0}


@pytest.mark.soak
def test_a_sample_session_of_the_registered_engines(knotmeter: Knotmeter) -> None:
    """The engines there are, on a sample of theirs."""
    _check_sample(knotmeter, 190_000)


def test_a_small_sample_session_of_the_registered_engines(knotmeter: Knotmeter) -> None:
    """The same in little."""
    _check_sample(knotmeter, 60_000)


def _check_sample(knotmeter: Knotmeter, n_trades: int) -> None:
    path = Path("sample.parquet")
    assert knotmeter("sample", path, "--trades", n_trades).status == 0
    assert knotmeter("replay", path, "--output", "REPLAYED", "--quiet").status == 0
    sent, engines = said([path], 4_096)
    record(RECORDING, sent, engines, random.Random(n_trades))
    exported()

    replayed, out = contents(Path("REPLAYED")), contents(OUT)
    del replayed["run.json"], out["run.json"]
    assert out == replayed
    assert len(out["events.jsonl"]) > 1_000


@pytest.mark.usefixtures("toys", "knotmeter")
def test_what_is_known_of_the_session_is_told() -> None:
    """What the recording was begun with, its cursors; nothing that differs from run to run."""
    path = write_file(Path("trades.json"), N_RECORDS)
    sent, engines = said([path])
    terms = {"session": {"files": ["trades.json"]}, "versions": {"knotmeter": "1"}}
    for place in (RECORDING, Path("again")):
        record(place, sent, engines, random.Random(str(place)), **terms)
        exported(place, Path(f"OUT-{place}"))

    assert contents(Path("OUT-recording")) == contents(Path("OUT-again"))
    run = run_of(Path("OUT-again"))
    assert run["session"] == {"files": ["trades.json"]}
    assert run["versions"] == {"knotmeter": "1"}
    assert set(run["cursors"]) == {"md", "asker", "answerer"}
    assert run["unfinished"] == []


@pytest.mark.usefixtures("toys", "knotmeter")
def test_a_letter_that_was_said_twice_is_kept_once() -> None:
    """An engine that crashed sets aside again what came after its checkpoint."""
    path = write_file(Path("trades.json"), N_RECORDS, bad=(10, 20))
    sent, engines = said([path])
    logic = sent[Bus.ENGINE_LOGIC]
    again = [
        Entry(EntryId(10**9, number), one.fields)
        for number, one in enumerate(logic)
        if codec.decode_envelope(one.fields["e"], "test").type == "dead_letter"
    ]
    assert len(again) == 4
    record(RECORDING, {**sent, Bus.ENGINE_LOGIC: [*logic, *again]}, engines, random.Random(1))
    found = exported()

    assert (len(found.letters), found.n_letters) == (4, {"asker": 2, "answerer": 2})
    assert len((OUT / "dead_letters.jsonl").read_bytes().splitlines()) == 4


@pytest.mark.usefixtures("knotmeter")
def test_what_cannot_be_exported_is_set_aside() -> None:
    """Rubbish costs itself alone: an unknown type stays, another payload than declared goes."""
    command = Command(target="alpha", name="halt")
    entries = [
        entry(1, event("alpha", 1, type="from_the_future", payload={"x": 1})),
        entry(2, event("alpha", 2, type="toxicity", payload={"x": 1})),
        entry(3, event("alpha", 3, version=99, type="command", payload=command)),
        entry(4, event("alpha.face", 1, type="command", payload=command)),
        Entry(EntryId(1_005, 0), {"e": b"\xc1"}),
    ]
    recorded([(Bus.ENGINE_LOGIC, one) for one in entries])
    found = exported()

    assert found.counts == {"command": 1, "from_the_future": 1}
    assert found.n_letters == {"recorder": 3}
    errors = [json.loads(line)["error"] for line in (OUT / "dead_letters.jsonl").read_text().splitlines()]
    assert ["a `toxicity` payload" in error for error in errors].count(True) == 1
    assert ["version 1 or lower, got version 99" in error for error in errors].count(True) == 1
    assert pq.read_table(OUT / "command.parquet")["name"].to_pylist() == ["halt"]


@pytest.mark.usefixtures("knotmeter")
def test_bars_without_their_instrument_are_left_out() -> None:
    """A recording that began late lacks definitions; a note says so, and the rest is exported."""
    known = to_records([Instrument(instrument_id="A.B")], 0, START)
    known["sequence"] = 1
    bars = flow(["bar", "bar"], 2, [START, START])["bar"]
    bars["instrument"] = [0, 1]
    bars["basis"] = bars["origin"] = 1
    recorded([(Bus.MARKET_DATA, frame(Records({"instrument": known, "bar": bars}), 1))])
    found = exported()

    (note,) = found.notes
    assert note.startswith("1 bars are left out")
    assert run_of()["notes"] == found.notes
    assert pq.read_table(OUT / "bar.parquet").num_rows == 1


@pytest.mark.usefixtures("knotmeter")
def test_definitions_that_contradict_are_refused() -> None:
    """A row is one instrument for good."""
    known = to_records([Instrument(instrument_id="A.B")] * 2, 0, START)
    known["sequence"] = [1, 2]
    recorded([(Bus.MARKET_DATA, frame(Records({"instrument": known}), 1))])

    with pytest.raises(DataError, match="contradicts itself"):
        exported()
    assert not OUT.exists()


@pytest.mark.usefixtures("knotmeter")
def test_an_empty_recording_gives_an_empty_log() -> None:
    """And says that nobody has promised its end."""
    recorded([], engines=("asker",))
    exported()

    assert set(contents(OUT)) == {"events.jsonl", "run.json"}
    assert (OUT / "events.jsonl").read_bytes() == b""
    assert run_of()["unfinished"] == ["md", "asker"]
