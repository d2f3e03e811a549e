"""Reports: one layout as JSON, tables that fit a terminal."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.answers import equal_within
from benchmarks.bench import Bench, Options
from benchmarks.harness import MIN_PAIRS, Entrant
from benchmarks.report import Goal, Report, lines
from tests.benchmarks.scripted import Absent, Scripted


def filled(bench: Bench) -> None:
    """One finding of each kind, one contender missing, one answer wrong."""
    check = equal_within(1e-9)
    long = "a contender whose name is longer than any table has room for"
    bench.workload("speed", "seven steps")
    for other in (
        Scripted(long, [3_000_000] * MIN_PAIRS),
        Absent("absent", []),
        Scripted("wrong", [1], (2.0,)),
    ):
        bench.compare(
            "how fast?",
            Scripted("ours", [1_500_000] * MIN_PAIRS),
            other,
            units=100,
            unit="step",
            check=check,
            answer="the value",
            goal=Goal(kind="at_least", ratio=5.0),
        )
    points = [Entrant(Scripted(name, [100] * MIN_PAIRS), 1) for name in ("1", "10")]
    bench.series("how far?", points, unit="step", check=check, answer="the value")


def test_json_holds_the_whole_report(tmp_path: Path) -> None:
    """What was found, what is missing and what is wrong read back from the file as it was."""
    with Bench(Options()) as bench:
        filled(bench)
    bench.report.write(tmp_path / "report.json")
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)

    assert report == bench.report
    assert [finding.question for finding in report.findings] == ["how fast?", "how far?"]
    assert [missing.name for missing in report.missing] == ["absent"]
    assert [wrong.question for wrong in report.wrong] == ["how fast?"]
    assert {"cpu", "cores", "load", "system", "python"} == report.machine.keys()
    assert {"numpy", "numba"} <= report.versions.keys()
    assert report.workloads == {"speed": "seven steps"}


def test_json_names_its_fields(tmp_path: Path) -> None:
    """The layout is a contract with whoever reads the file."""
    with Bench(Options()) as bench:
        filled(bench)
    bench.report.write(tmp_path / "report.json")
    plain = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    finding = plain["findings"][0]

    assert list(plain) == ["format", "machine", "versions", "workloads", "findings", "missing", "wrong"]
    assert plain["format"] == 1
    assert list(finding) == ["question", "unit", "rows", "ratio", "largest_difference", "answer"]
    assert list(finding["rows"][0]) == ["name", "ns_per_unit", "units", "calls"]
    assert list(finding["rows"][0]["ns_per_unit"]) == ["median", "lowest", "highest", "values"]
    assert list(finding["ratio"]) == ["of", "spread", "goal", "is_met"]
    assert finding["ratio"]["goal"] == {"kind": "at_least", "ratio": 5.0}
    assert finding["ratio"]["spread"]["values"] == [2.0] * MIN_PAIRS
    assert plain["findings"][1]["ratio"] is None


def test_tables_fit_eighty_columns() -> None:
    """Whatever the names and figures, no line is wider than a terminal."""
    with Bench(Options()) as bench:
        filled(bench)
    table = [line for finding in bench.report.findings for line in lines(finding)]

    assert max(map(len, table)) <= 80
    assert table[0] == "how fast?"
    assert "15000" in table[2]
    assert table[4].split()[-3:] == ["2.00x", "2.00x", "2.00x"]
    assert table[5] == "  goal >= 5x: MISSED"


def test_contenders_are_let_go_of() -> None:
    """Whoever took part is closed at the end, when a benchmark fails too."""
    closed = []

    class Closes(Scripted):
        def close(self) -> None:
            closed.append(self.name)

    with Bench(Options(quick=True)) as bench:
        points = [Entrant(Closes(name, []), 1) for name in ("1", "2")]
        bench.series("?", points, unit="step", check=equal_within(0.0), answer="the value")

    assert closed == ["1", "2"]
