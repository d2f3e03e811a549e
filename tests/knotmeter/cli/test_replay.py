"""The command ``replay``, on toy engines."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bus.memory import MemoryTransport
from shared.fleet import Fleet
from tests.knotmeter.conftest import Knotmeter
from tests.knotmeter.toy_fleet import N_DEFINITIONS, N_RECORDS, contents, events, write_file

pytestmark = pytest.mark.usefixtures("toys")

OUT = Path("OUT")
PARTIAL = Path("OUT.partial")


def test_a_run_leaves_its_log_and_its_tables(knotmeter: Knotmeter, trades: Path) -> None:
    """The folder holds the log, a table a topic, bars, instruments and what the run was, and nothing else."""
    done = knotmeter("replay", trades, "--output", OUT)

    assert done[::2] == (0, ""), done.error
    names = {"events.jsonl", "ask.parquet", "answer.parquet", "bar.parquet", "instrument.parquet", "run.json"}
    assert set(contents(OUT)) == names
    assert not PARTIAL.exists()
    assert len(events(OUT)) > 50


def test_the_log_is_in_canonical_order_and_form(knotmeter: Knotmeter, trades: Path) -> None:
    """Lines have the six declared keys and are ordered by time, source and sequence."""
    knotmeter("replay", trades, "--output", OUT)

    log = events(OUT)
    keys = ["type", "source", "sequence", "ts_event", "trace", "payload"]
    assert all(list(event) == keys for event in log)
    order = [(event["ts_event"], event["source"], event["sequence"]) for event in log]
    assert order == sorted(order)


@pytest.mark.parametrize("frame_size", [1, 7, 4096])
def test_the_frame_size_changes_nothing(knotmeter: Knotmeter, trades: Path, frame_size: int) -> None:
    """Log and tables are the same bytes at any frame size."""
    knotmeter("replay", trades, "--output", OUT, "--frame-size", 64)
    knotmeter("replay", trades, "--output", "AGAIN", "--frame-size", frame_size)

    first, second = contents(OUT), contents(Path("AGAIN"))
    assert first.pop("run.json") != second.pop("run.json")
    assert first == second


def test_the_same_run_twice_gives_the_same_folder(knotmeter: Knotmeter, trades: Path) -> None:
    """Not even what the run was tells when it was."""
    knotmeter("replay", trades, "--output", OUT)
    knotmeter("replay", trades, "--output", "AGAIN")

    assert contents(OUT) == contents(Path("AGAIN"))


def test_a_stop_without_output_prints_what_there_is(knotmeter: Knotmeter, trades: Path) -> None:
    """The summary so far, and no file."""
    done = knotmeter("replay", trades, "--stop-after", 500)

    assert done[::2] == (0, ""), done.error
    assert "stopped after 500 records" in done.out
    assert "output" not in done.out
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]


def test_the_summary_fits_80_columns(knotmeter: Knotmeter, trades: Path) -> None:
    """Records, events, losses, latency and every engine's own table, each line at most 80 wide."""
    done = knotmeter("replay", trades, "--output", OUT)

    assert max(map(len, done.out.splitlines())) <= 80
    for word in ("replayed 803 records", "times are taken as UTC", "answer 1", "dead letters", "gaps"):
        assert word in done.out
    for word in ("Latency", "reaction_time", "unit_cost", "rung reached", "asker", "last_price"):
        assert word in done.out


def test_quiet_prints_nothing(knotmeter: Knotmeter, trades: Path) -> None:
    """Neither progress nor summary."""
    assert knotmeter("replay", trades, "--quiet") == (0, "", "")


def test_dead_letters_are_said_loudly_and_kept(knotmeter: Knotmeter) -> None:
    """Bad records cost themselves alone: status 0, a complaint, and a file that tells each of them."""
    bad = write_file(Path("bad.json"), N_RECORDS, bad=(10, 20, 30, 40))
    done = knotmeter("replay", bad, "--output", OUT)

    assert done.status == 0
    assert done.error == "knotmeter: 8 inputs were set aside as dead letters\n"
    assert "asker 4" in done.out
    assert "expected sizes of 0 or more" in done.out.lower()
    assert "… and 5 more" in done.out
    letters = [json.loads(line) for line in (OUT / "dead_letters.jsonl").read_text("utf-8").splitlines()]
    assert len(letters) == 8
    assert {letter["engine"] for letter in letters} == {"asker", "answerer"}
    assert all(letter["record"]["size"] < 0 for letter in letters)
    assert json.loads((OUT / "run.json").read_text("utf-8"))["dead_letters"]["asker"] == 4


def test_quiet_still_tells_of_dead_letters(knotmeter: Knotmeter) -> None:
    """What is wrong is told with the first few of them."""
    bad = write_file(Path("bad.json"), N_RECORDS, bad=(10,))
    done = knotmeter("replay", bad, "--quiet")

    assert (done.status, done.out) == (0, "")
    assert "2 inputs were set aside" in done.error
    assert done.error.count("ValueError") == 2


def test_tables_hold_what_the_log_holds(knotmeter: Knotmeter, trades: Path) -> None:
    """Every row of a table is an event of its type, in the order of the log."""
    knotmeter("replay", trades, "--output", OUT)

    for name in ("ask", "answer"):
        table = pq.read_table(OUT / f"{name}.parquet")
        assert str(table.schema.field("ts_event").type) == "timestamp[ns, tz=UTC]"
        rows = table.set_column(2, "ts_event", table["ts_event"].cast("int64")).to_pylist()
        own = [event for event in events(OUT) if event["type"] == name]
        envelope = ("source", "sequence", "ts_event", "trace")
        assert rows == [{key: event[key] for key in envelope} | event["payload"] for event in own]
        assert len(rows) > 0


def test_the_run_says_what_it_was_made_from(knotmeter: Knotmeter, trades: Path) -> None:
    """Versions, settings in effect, files with their digests, counts."""
    knotmeter("replay", trades, "--output", OUT, "--set", "asker.patience=5", "--instrument", "ES.XCME")

    run = json.loads((OUT / "run.json").read_text("utf-8"))
    assert run["settings"]["asker"] == {"patience": 5, "temper": 0.5}
    (file,) = run["files"]
    assert (file["path"], file["n_bytes"]) == ("trades.json", trades.stat().st_size)
    assert len(file["sha256"]) == 64
    assert file["settings"]["instrument"] == "ES.XCME"
    assert run["records"] == N_RECORDS + N_DEFINITIONS
    assert run["events"]["ask"] == sum(event["type"] == "ask" for event in events(OUT))
    assert run["versions"]["knotmeter"] == "0.1.0"


def test_all_wrong_settings_are_named_at_once(knotmeter: Knotmeter, trades: Path) -> None:
    """Flags, file and environment alike; nothing is written."""
    Path("s.toml").write_text("[asker]\ntemper = -1.0\n", "utf-8")
    done = knotmeter(
        *("replay", trades, "--output", OUT, "--settings", "s.toml"),
        *("--set", "asker.patience=0", "--set", "nobody.x=1"),
    )

    assert (done.status, done.out) == (2, "")
    assert "3 settings are wrong" in done.error
    for word in ("`asker.temper`", "`s.toml`, line 2", "`asker.patience`", "'0'", "`nobody`"):
        assert word in done.error
    assert not OUT.exists()
    assert not PARTIAL.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frame-size", "0"], "argument --frame-size: expected a whole number from 1 to 65536, found '0'"),
        (["--frame-size", "65537"], "expected a whole number from 1 to 65536, found '65537'"),
        (["--frame-size", "many"], "expected a whole number from 1 to 65536, found 'many'"),
        (["--stop-after", "-1"], "argument --stop-after: expected a whole number from 1, found '-1'"),
        (["--outptu", "X"], "unknown argument `--outptu`; did you mean `--output`?"),
        (["--resume"], "`--resume`: expected `--output DIR` with it, found none"),
        (["--force"], "`--force`: expected `--output DIR` with it, found none"),
        (["--output", "X", "--force", "--resume"], "`--force`: expected no `--resume` beside it"),
        (["--instrument", "A.B", "--instrument", "C.D"], "`--instrument`: expected none, one for all files"),
        (["--instrument", "no-venue"], "file `trades.json`: Expected `str` matching regex"),
        (["--output", "missing/OUT"], "`--output`: expected a place in an existing folder"),
        (["--output", "trades.json"], "`--output`: expected a folder or nothing, found the file"),
        (["--output", "OUT", "--resume"], "`--resume`: expected a stopped run in"),
        (["--settings", "none.toml"], "`none.toml`: expected a settings file that can be read"),
    ],
)
def test_a_wrong_argument_is_told_what_was_expected(
    knotmeter: Knotmeter, trades: Path, arguments: list[str], message: str
) -> None:
    """Status 2, one message with expectation and finding, and nothing left behind."""
    done = knotmeter("replay", trades, *arguments)

    assert (done.status, done.out) == (2, "")
    assert message in " ".join(done.error.split())
    assert "Traceback" not in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]


def test_a_run_needs_a_file(knotmeter: Knotmeter) -> None:
    """Without one it says where one could stand."""
    done = knotmeter("replay")

    assert done.status == 2
    assert "`FILE`: expected a data file, or `source.files` in the settings, found none" in done.error


def test_files_may_stand_in_the_settings(knotmeter: Knotmeter, trades: Path) -> None:
    """Then no file is named; a file that is named gets the settings that stand there for it."""
    Path("s.toml").write_text(f'[[source.files]]\npath = "{trades}"\ninstrument = "AB.CD"\n', "utf-8")

    for number, files in enumerate([[], [trades.resolve()]]):
        out = Path(f"OUT{number}")
        assert knotmeter("replay", *files, "--settings", "s.toml", "--output", out).status == 0
        (file,) = json.loads((out / "run.json").read_text("utf-8"))["files"]
        assert file["settings"]["instrument"] == "AB.CD"


def test_bad_data_is_refused_and_nothing_is_left(knotmeter: Knotmeter) -> None:
    """A file that is not one of data: status 2 and no folder."""
    Path("bad.json").write_text("no", "utf-8")
    done = knotmeter("replay", "bad.json", "--output", OUT)

    assert (done.status, done.out) == (2, "")
    assert done.error.startswith("knotmeter: `bad.json`: expected a toy file, found")
    assert [path.name for path in Path.cwd().iterdir()] == ["bad.json"]


def test_a_missing_file_is_named(knotmeter: Knotmeter) -> None:
    """Before anything is made."""
    done = knotmeter("replay", "none.json", "--output", OUT)

    assert done.status == 2
    assert "`none.json`: expected a file that can be read, found: No such file or directory" in done.error
    assert list(Path.cwd().iterdir()) == []


def test_a_fault_of_ours_is_told_as_one(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 and no traceback, unless it is asked for; nothing is left."""

    def broken(_self: Fleet, limit: int) -> None:
        raise ZeroDivisionError(limit)

    monkeypatch.setattr(Fleet, "_read", broken)
    done = knotmeter("replay", trades, "--output", OUT)
    assert done.status == 1
    assert "a fault in Knotmeter, not in what you gave it: ZeroDivisionError" in done.error
    assert "Traceback" not in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]

    monkeypatch.setenv("KNOTMETER_DEBUG", "1")
    assert "Traceback" in knotmeter("replay", trades, "--output", OUT).error


def test_a_bus_that_runs_over_is_a_fault_of_ours(
    knotmeter: Knotmeter, trades: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who replays a file can mend the bound of a stream."""
    monkeypatch.setattr("knotmeter.session.MemoryTransport", lambda: MemoryTransport(bound=3))
    done = knotmeter("replay", trades, "--frame-size", 1, "--output", OUT)

    assert done.status == 1
    assert "StreamFullError" in done.error
    assert [path.name for path in Path.cwd().iterdir()] == ["trades.json"]
