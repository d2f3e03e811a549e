"""One contract over every registered engine: a new engine is put through it by being a folder."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import services
from bus.records import Records
from bus.topics import TOPICS, Bus
from shared import registry
from shared import state as states
from tests.fleet import recording
from tests.fleet.flow import INSTRUMENTS, input_flow
from tests.fleet.recording import N_RECORDS, Said, Variant, deliver, flow_of, pieces, play

ROOT = Path(services.__path__[0]).parent
NAMES = list(registry.engines())
VARIANTS = recording.variants()
each_engine = pytest.mark.parametrize("name", NAMES)
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[f"{v.engine}-{v.name}" for v in VARIANTS])

_whole: dict[Variant, Said] = {}


def whole(variant: Variant) -> Said:
    """What the engine says to the whole flow in one slice; every other way must give the same."""
    if variant not in _whole:
        _whole[variant] = play(variant, [flow_of(registry.engines()[variant.engine])])
    return _whole[variant]


def flow(variant: Variant) -> Records:
    """The flow this engine reads."""
    return flow_of(registry.engines()[variant.engine])


@each_variant
def test_it_says_something(variant: Variant) -> None:
    """The session makes every engine speak; a contract over silence would prove nothing."""
    said = whole(variant)

    assert said.events or said.records
    assert said.n_dead_letters == 0


@each_variant
@pytest.mark.parametrize("length", [1, 7, 4096, "random"])
def test_frame_lengths_leave_no_trace(variant: Variant, length: int | str) -> None:
    """Slices of 1, 7, 4096 and random lengths give the same outputs."""
    generator = random.Random(20_131_008)
    shuffled = (generator.randint(1, 200) for _ in itertools.count())
    lengths = itertools.repeat(length) if isinstance(length, int) else shuffled

    assert play(variant, pieces(flow(variant), lengths)) == whole(variant)


@each_variant
def test_everything_delivered_twice_changes_nothing(variant: Variant) -> None:
    """Each slice arrives twice, and now and then an old one again."""
    slices = list(pieces(flow(variant), itertools.repeat(100)))
    doubled = [piece for index, new in enumerate(slices) for piece in (new, new, slices[index // 2])]

    assert play(variant, doubled) == whole(variant)


@each_variant
@settings(max_examples=8)
@given(stops=st.lists(st.integers(1, N_RECORDS + len(INSTRUMENTS)), min_size=1, max_size=3).map(sorted))
def test_checkpoint_and_restore_at_any_record_change_nothing(variant: Variant, stops: list[int]) -> None:
    """A fresh engine restored from a checkpoint goes on as if it had never stopped."""
    runtime = variant.make()
    said: list[Said] = []
    rest = flow(variant)
    recording.begin(runtime)
    for stop in stops:
        deliver(runtime, rest.split_at_sequence(stop + 1)[0])
        fresh = recording.reborn(variant, runtime)
        said.append(recording.told(runtime))
        runtime = fresh
        recording.begin(runtime)
    deliver(runtime, rest)
    said.append(recording.finish(runtime))
    events = [event for part in said for event in part.events]
    kinds = dict.fromkeys(kind for part in said for kind in part.records)
    records = {kind: b"".join(part.records.get(kind, b"") for part in said) for kind in kinds}

    assert events == whole(variant).events
    assert records == whole(variant).records


@each_variant
@settings(max_examples=8)
@given(place=st.floats(0, 0.999), length=st.sampled_from([1, 64, 4096]))
def test_a_bad_record_costs_that_record_alone(variant: Variant, place: float, length: int) -> None:
    """A record of an unknown instrument becomes one dead letter; all else is as if it had never been sent."""
    spec = registry.engines()[variant.engine]
    kind = next(kind for kind in ("trade", "quote", "bar") if kind in spec.record_kinds or spec.is_source)
    records = flow(variant)
    row = int(place * len(records[kind]))
    damaged = play(
        variant, pieces(recording.with_unknown_instrument(records, kind, row), itertools.repeat(length))
    )
    expected = play(variant, recording.around(records, kind, row))

    assert damaged.n_dead_letters == 1
    assert damaged.events == expected.events
    assert damaged.records == expected.records


@each_variant
def test_memory_is_bounded(variant: Variant) -> None:
    """Four times the records of the same instruments do not make the state larger."""
    spec = registry.engines()[variant.engine]
    if not spec.is_source and not spec.record_kinds:
        return
    sizes = []
    for count in (N_RECORDS, 4 * N_RECORDS):
        runtime = variant.make()
        recording.play_flow(runtime, input_flow(count))
        sizes.append(len(states.encode(runtime.engine.state)))

    assert sizes[1] <= sizes[0] * 1.01 + 64


@each_engine
def test_handlers_are_the_declared_topics(name: str) -> None:
    """A handler for each topic the spec consumes, and no other."""
    spec = registry.engines()[name]
    engine = type(recording.create(name, ()))
    events = {f"on_{edge.topic.name}" for edge in spec.inputs if edge.topic.bus is Bus.ENGINE_LOGIC}
    records = {"on_records"} if spec.record_kinds or spec.is_source else set()
    inherited = {name for name in ("on_records", "on_timer") if name not in vars(engine)}
    found = {member for member in dir(engine) if member.startswith("on_")}
    found -= {"on_command", "on_result"} | inherited

    assert found == events | records


@each_variant
def test_metrics_are_the_declared_ones(variant: Variant) -> None:
    """What is measured is what the spec declares, by name, as finite numbers, before and after work."""
    runtime = variant.make()
    declared = {metric.name for metric in runtime.spec.metrics}
    before = dict(runtime.engine.measure())
    for piece in pieces(flow(variant), itertools.repeat(500)):
        deliver(runtime, piece)
    after = dict(runtime.engine.measure())

    assert set(before) == set(after) == declared
    assert all(value == value and abs(value) != float("inf") for value in (before | after).values())
    assert all(name.startswith(f"knotmeter_{runtime.spec.name}_") for name in declared)


@each_engine
def test_the_folder_has_the_same_parts_as_every_other(name: str) -> None:
    """Spec, settings, kernel, engine, README, and a mirrored test folder with the contract's settings."""
    folder = ROOT / "services" / name
    parts = ["__init__.py", "spec.py", "config.py", "engine.py", "README.md"]

    assert [part for part in parts if not (folder / part).is_file()] == []
    assert (folder / "kernel").is_dir() or (folder / "kernel.py").is_file()
    assert (ROOT / "tests" / "services" / name / "contract.py").is_file()
    assert registry.engines()[name].name == name


def test_ports_topics_and_edges_fit() -> None:
    """Ports are unique, a topic has one producer, and what is consumed is produced."""
    specs = registry.engines().values()
    ports = [spec.port for spec in specs]
    produced = [topic.name for spec in specs for topic in spec.publishes]
    consumed = {edge.topic.name for spec in specs for edge in spec.inputs}
    own = {"command", "result"} | {name for name, topic in TOPICS.items() if topic.operational}

    assert len(set(ports)) == len(ports)
    assert sorted(produced) == sorted(set(produced))
    assert consumed <= set(produced)
    assert set(produced) | own == set(TOPICS)
    assert sum(spec.is_source for spec in specs) == 1


def test_the_registry_needs_no_heavy_library() -> None:
    """Reading the specs loads no compiler and no file library: generators and health checks stay light."""
    script = (
        "import sys; from shared import registry; registry.engines();"
        "print([name for name in ('numba', 'pyarrow', 'scipy', 'rich', 'fastapi') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"
