"""The fleet as containers: the same log as `knotmeter replay`, few rights, and nothing left behind."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import registry
from tests.live.containers import (
    ENGINES,
    LONG_LIVED,
    PROCESSES,
    ROOT,
    SERVERS,
    VARIABLE,
    Compose,
    docker,
    project,
)
from tests.live.running import SETTINGS, knotmeter, wait_until

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE),
    reason=f"{VARIABLE} is not set: expected the name of a docker program that can build and run containers",
)

MOST_IMAGE_BYTES = 1_200_000_000
NOBODY = "10001:10001"
SLOW = "60x"

# What an engine may ask of the servers, tried by a plain client in its container; it prints the answers.
ASK = """
import json, redis, redis.backoff, redis.retry, sys
never = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
asked = json.loads(sys.argv[1])
secret = open("/run/knotmeter/access/secret").read()
answers = []
for place, user, given, command in asked:
    password = secret if given is None else given
    client = redis.Redis(unix_socket_path=place, username=user, password=password, retry=never)
    try:
        answers.append(repr(client.execute_command(*command)))
    except redis.RedisError as error:
        answers.append(f"{type(error).__name__}: {error}")
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def version() -> Iterator[str]:
    """Tag of an image built from the working tree."""
    with project(f"test-{secrets.token_hex(4)}") as compose:
        compose.do("build", "--quiet")
        tag = compose.variables["KNOTMETER_VERSION"]
        yield tag
        docker("image", "rm", "--force", f"knotmeter:{tag}")


@pytest.fixture(scope="module")
def fleet(version: str) -> Iterator[Compose]:
    """A fleet that was told nothing but to hurry: it has replayed the sample session of the image."""
    with project(version) as compose:
        compose.up(KNOTMETER_FLEET__SPEED="max")
        wait_until(compose.is_complete, "the whole session to be recorded")
        yield compose


def log_of(folder: Path, sample: Path, *settings: str) -> bytes:
    """The canonical log of `knotmeter replay` on this machine."""
    output = folder / "out"
    done = knotmeter("replay", sample, *settings, "--output", output, "--quiet", "--force")
    assert done.returncode == 0, done.stderr
    return (output / "events.jsonl").read_bytes()


def test_what_needs_no_settings_gives_the_log_of_a_replay(fleet: Compose, tmp_path: Path) -> None:
    """`docker compose up` alone: the session of `knotmeter sample`, and the log that a replay of it has."""
    sample = tmp_path / "sample.parquet"
    assert knotmeter("sample", sample).returncode == 0
    expected = log_of(tmp_path, sample, "--settings", str(ROOT / "docker" / "session" / "fleet.toml"))

    exported = fleet.export()

    assert exported["events.jsonl"] == expected
    assert {"run.json", "instrument.parquet", "bar.parquet", "toxicity.parquet"} <= exported.keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_its_question(fleet: Compose, engine: str) -> None:
    """Its main query at the published port tells of the instrument that was replayed."""
    spec = registry.engines()[engine]
    assert spec.main_query is not None

    answer = fleet.get(engine, spec.main_query)

    assert answer["n_instruments"] == 1
    assert "SAMPLE.SIM" in json.dumps(answer)
    assert fleet.get(engine, "/spec")["name"] == engine


@pytest.mark.parametrize("service", LONG_LIVED)
def test_a_container_may_do_little(fleet: Compose, service: str) -> None:
    """One numeric user, a read-only file system, no capability, bounds on everything, local ports alone."""
    found = fleet.inspect(service)
    host = found["HostConfig"]

    assert found["Config"]["User"] == NOBODY
    assert host["ReadonlyRootfs"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert min(host["Memory"], host["PidsLimit"], host["NanoCpus"]) > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"].keys() == {"max-size", "max-file"}
    published = [
        place for places in (found["NetworkSettings"]["Ports"] or {}).values() for place in places or ()
    ]
    assert {place["HostIp"] for place in published} == ({"127.0.0.1"} if service in PROCESSES else set())
    assert not any(mount["Source"].endswith("docker.sock") for mount in found["Mounts"])
    assert fleet.execute(service, "id", "-u").stdout == b"10001\n"
    assert fleet.execute(service, "sh", "-c", "> /usr/written").returncode != 0


def test_the_buses_are_out_of_reach(fleet: Compose) -> None:
    """Their network leads nowhere, and neither server is in another one."""
    name = f"{fleet.project}_buses"
    (network,) = json.loads(docker("network", "inspect", name).stdout)

    assert network["Internal"]
    for service in SERVERS.values():
        assert fleet.inspect(service)["NetworkSettings"]["Networks"].keys() == {name}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_the_fewest_rights(fleet: Compose, engine: str) -> None:
    """It knows its own secret alone; it may neither empty nor configure a server, nor touch others' blobs."""
    other = next(name for name in PROCESSES if name != engine)
    refused = [
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("KEYS", "*"),
        ("SET", f"checkpoint/{other}", "x"),
        ("XTRIM", "logic", "MAXLEN", "0"),
    ]
    if not registry.engines()[engine].is_source:
        refused.append(("XADD", "md", "*", "h", "x"))
    places = [f"/run/knotmeter/{bus}/bus.sock" for bus in SERVERS]
    strangers = [("default", ""), ("admin", "guessed"), (engine, "guessed"), (other, None)]
    asked: list[Any] = [[place, engine, None, command] for place in places for command in refused]
    asked += [[place, user, given, ("PING",)] for place in places for user, given in strangers]
    asked += [[place, engine, None, ("PING",)] for place in places]

    done = fleet.execute(engine, "python", "-c", ASK, json.dumps(asked))

    answers = json.loads(done.stdout)
    n_refused = len(places) * len(refused)
    assert [text for text in answers[:n_refused] if not text.startswith("NoPermissionError")] == []
    assert [text for text in answers[n_refused:-2] if not text.startswith("AuthenticationError")] == []
    assert answers[-2:] == ["True", "True"]
    assert fleet.execute(engine, "ls", "/run/knotmeter/access").stdout == b"secret\n"


def test_the_image_says_what_it_is(fleet: Compose) -> None:
    """It bears labels, is of bounded size, and needs no root."""
    tag = f"knotmeter:{fleet.variables['KNOTMETER_VERSION']}"
    (image,) = json.loads(docker("image", "inspect", tag).stdout)

    assert image["Size"] < MOST_IMAGE_BYTES
    assert image["Config"]["User"] == NOBODY
    assert {"title", "description", "licenses", "version", "revision"} == {
        label.rpartition(".")[2]
        for label in image["Config"]["Labels"]
        if label.startswith("org.opencontainers.")
    }


@pytest.fixture
def own(sample: Path, tmp_path: Path) -> Path:
    """A folder of one's own: a file, and settings to replay it."""
    folder = tmp_path / "session"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    (folder / "trades.parquet").write_bytes(sample.read_bytes())
    write_settings(folder, bucket_volume=20_000)
    return folder


def write_settings(folder: Path, bucket_volume: int, *further: str) -> None:
    """Have the folder say how its file is replayed."""
    lines = ["[fleet]", "frame_size = 256", "[vpin]", f"bucket_volume = {bucket_volume}", *further]
    lines += ["[[marketdata.files]]", 'path = "trades.parquet"', 'instrument = "SAMPLE.SIM"']
    (folder / "fleet.toml").write_text("\n".join([*lines, ""]), "utf-8")


def test_kills_leave_no_trace(version: str, own: Path, expected: bytes) -> None:
    """Every process and both servers killed in the middle: each comes back, and the log is a replay's."""
    with project(version, {"KNOTMETER_DATA": str(own)}) as compose:
        compose.up(KNOTMETER_FLEET__SPEED=SLOW, KNOTMETER_FLEET__CHECKPOINT_SECONDS="0.3")
        wait_until(lambda: compose.n_events() >= 3, "the first events")
        for service in LONG_LIVED:
            compose.kill(service)
        wait_until(compose.is_healthy, "everything to be back")
        n_events = compose.n_events()
        wait_until(lambda: compose.n_events() > n_events, "the replay to go on")
        assert not compose.is_complete()

        compose.up(KNOTMETER_FLEET__SPEED="max")
        wait_until(compose.is_complete, "the whole session to be recorded")

        assert compose.export()["events.jsonl"] == expected


def test_real_trades_give_the_log_of_a_replay(
    version: str, own: Path, market_data: Path, tmp_path: Path
) -> None:
    """Half a million trades of the S&P 500 E-mini: two hundred buckets, the same as outside of containers."""
    trades = market_data / "es_futures" / "sp500_emini_2013-09_ticks_500k.parquet"
    (own / "trades.parquet").write_bytes(trades.read_bytes())
    write_settings(own, 9_220, 'classification = "tick_rule"')
    expected = log_of(tmp_path, own / "trades.parquet", "--settings", str(own / "fleet.toml"))
    assert len(expected.splitlines()) == 200

    with project(version, {"KNOTMETER_DATA": str(own), "KNOTMETER_FLEET__SPEED": "max"}) as compose:
        compose.up()
        wait_until(compose.is_complete, "the whole session to be recorded")

        assert compose.export()["events.jsonl"] == expected


def test_volumes_keep_one_session(
    version: str, own: Path, expected: bytes, sample: Path, tmp_path: Path
) -> None:
    """Down keeps it, up goes on; other settings are refused, and replace it when asked to; down is down."""
    with project(version, {"KNOTMETER_DATA": str(own), "KNOTMETER_FLEET__SPEED": "max"}) as compose:
        compose.up()
        wait_until(compose.is_complete, "the whole session to be recorded")
        write_settings(own, bucket_volume=40_000)
        assert compose.run("up", "--detach", "--no-build").returncode != 0
        assert "vpin.bucket_volume: expected 20000" in compose.log("prepare")
        assert compose.is_healthy()  # whoever runs is left alone

        compose.do("down")
        assert compose.things("container") == compose.things("network") == []
        volumes = compose.things("volume")
        assert compose.run("up", "--detach", "--no-build").returncode != 0
        write_settings(own, bucket_volume=20_000)
        compose.up()
        assert compose.is_complete()
        assert compose.export()["events.jsonl"] == expected

        write_settings(own, bucket_volume=40_000)
        over_tcp = {
            "BUS_SCHEME": "redis",
            "MARKET_DATA": f"{SERVERS['md']}:6380",
            "ENGINE_LOGIC": f"{SERVERS['logic']}:6381",
        }
        compose.up(KNOTMETER_RESET="1", **over_tcp)
        wait_until(compose.is_complete, "the whole session to be recorded")
        other = log_of(tmp_path, sample, *SETTINGS, "--set", "vpin.bucket_volume=40000")
        assert compose.export()["events.jsonl"] == other != expected
        assert sorted(compose.things("volume")) == sorted(volumes)
        compose.do("down", "--volumes")
        assert compose.things("volume") == []
