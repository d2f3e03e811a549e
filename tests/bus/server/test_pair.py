"""Both servers: what their folder holds, who may enter, and what is left behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from bus.errors import BusError
from bus.redis import Address, RedisTransport
from bus.server import (
    ADMIN,
    Account,
    EmbeddedServers,
    ServerError,
    ServerSettings,
    stop_leftover,
)
from bus.server.instance import client
from bus.server.pair import SECRETS_FILE
from bus.topics import Bus
from bus.transport import BEGINNING
from tests.bus.redis_servers import BRIEF, closing, connect, plain, running_servers
from tests.bus.transport_contract import fill, wait

LEFT = {"logic.appendonly", "logic.log", "md.log"}


@pytest.fixture
def servers() -> Iterator[EmbeddedServers]:
    """Servers of one test."""
    with running_servers() as running:
        yield running


def mode(path: Path) -> int:
    """Permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}


def runs(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_nobody_else_may_enter(servers: EmbeddedServers) -> None:
    """Folder, sockets and secrets are the owner's alone, and no secret stands in clear elsewhere."""
    secrets = msgspec.json.decode((servers.folder / SECRETS_FILE).read_bytes(), type=dict[str, str])
    arguments = [Path(f"/proc/{servers[bus].pid}/cmdline") for bus in Bus]
    texts = [path.read_text() for path in (*arguments, *(servers[bus].users for bus in Bus)) if path.exists()]

    assert mode(servers.folder) == 0o700
    assert [mode(servers[bus].socket) for bus in Bus] == [0o700, 0o700]
    assert [mode(path) for path in (servers.folder / SECRETS_FILE, *(servers[bus].users for bus in Bus))] == [
        0o600
    ] * 3
    assert len(set(secrets.values())) == len(secrets) == 5
    assert not [secret for secret in secrets.values() for text in texts if secret in text]
    stranger = Address(path=str(servers[Bus.MARKET_DATA].socket))
    with client(stranger, 1.0) as asking, pytest.raises(redis.exceptions.AuthenticationError):
        asking.ping()


@pytest.mark.parametrize(
    ("bus", "name", "value"),
    [
        *((Bus.MARKET_DATA, "appendonly", "no"), (Bus.ENGINE_LOGIC, "appendonly", "yes")),
        *((bus, "save", "") for bus in Bus),
        *((bus, "maxmemory-policy", "noeviction") for bus in Bus),
        *((bus, "io-threads", "1") for bus in Bus),
        (Bus.ENGINE_LOGIC, "appendfsync", "everysec"),
    ],
)
def test_the_servers_run_with_the_settings_of_the_design(
    servers: EmbeddedServers, bus: Bus, name: str, value: str
) -> None:
    """What is kept on disk, and what happens when memory is full, is what the design says."""
    with plain(servers, bus) as client:
        assert client.config_get(name) == {name: value}


def test_the_pid_is_recorded_and_stopping_leaves_no_trace(servers: EmbeddedServers) -> None:
    """Process ids stand in the folder while they run; afterwards only logs and the append-only file."""
    pids = [servers[bus].pid for bus in Bus]
    assert [int(servers[bus].pid_file.read_text()) for bus in Bus] == pids
    servers.stop()
    servers.stop()

    assert names(servers.folder) == LEFT
    assert [servers[bus].pid for bus in Bus] == [None, None]
    assert not [pid for pid in pids if pid is not None and runs(pid)]


def test_a_killed_server_leaves_no_trace_either(servers: EmbeddedServers) -> None:
    """Stopping clears what a killed server could not, and ends one that stands still."""
    pid = servers[Bus.ENGINE_LOGIC].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    servers[Bus.MARKET_DATA].kill()
    assert servers[Bus.MARKET_DATA].socket.exists()
    servers.stop()

    assert names(servers.folder) == LEFT


def test_engine_logic_goes_on_where_it_stopped(servers: EmbeddedServers) -> None:
    """After an orderly stop and a new start Engine Logic holds its entries, MarketData none."""

    async def publish() -> None:
        for bus in Bus:
            await fill(connect(servers), bus, 3)

    async def count() -> dict[Bus, int]:
        return {bus: len(await connect(servers).read(bus, BEGINNING, 9)) for bus in Bus}

    wait(publish())
    servers.stop()
    servers.start()
    assert wait(count()) == {Bus.MARKET_DATA: 0, Bus.ENGINE_LOGIC: 3}


def test_a_folder_in_use_is_refused_and_its_servers_live_on(servers: EmbeddedServers) -> None:
    """A second start in the same folder names the socket that is taken and harms nobody."""
    second = EmbeddedServers(servers.folder, [])
    with pytest.raises(ServerError, match=r"md\.sock to be free, found a server there"):
        second.start()
    second.stop()

    assert {SECRETS_FILE, "md.users", "logic.users", "md.sock", "logic.sock"} <= names(servers.folder)
    wait(fill_one(servers))


async def fill_one(servers: EmbeddedServers) -> None:
    """Publish an entry on both buses."""
    for bus in Bus:
        await fill(connect(servers), bus, 1)


def test_a_taken_port_is_named() -> None:
    """A TCP port that somebody listens on is named, and no server is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ServerError, match=f"`port`: expected {port} to be free"),
            running_servers({Bus.ENGINE_LOGIC: ServerSettings(port=port)}),
        ):
            pass


def test_tcp_works_as_the_socket_does() -> None:
    """With a port the servers are reached over TCP too, with the same users."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def script(servers: EmbeddedServers) -> None:
        local = servers.addresses("alpha")
        secret = local[Bus.ENGINE_LOGIC].secret
        remote = Address.parse(f"redis://alpha@127.0.0.1:{port}", secret)
        transport = closing(RedisTransport({**local, Bus.ENGINE_LOGIC: remote}, BRIEF))
        await fill(transport, Bus.ENGINE_LOGIC, 2)
        found = await transport.wait_for_entries({Bus.ENGINE_LOGIC: BEGINNING}, 30.0)
        assert len(found[Bus.ENGINE_LOGIC]) == 2
        assert await transport.keys("") == []

    with running_servers({Bus.ENGINE_LOGIC: ServerSettings(port=port)}) as servers:
        wait(script(servers))


def test_what_a_crashed_owner_left_running_is_ended(servers: EmbeddedServers) -> None:
    """Servers whose owner is gone are ended through their own sockets, and the folder is cleared."""
    pids = [pid for bus in Bus if (pid := servers[bus].pid)]
    assert stop_leftover(servers.folder) == list(Bus)
    assert stop_leftover(servers.folder) == []
    for bus in Bus:
        servers[bus].kill()  # only waits: it has ended

    assert names(servers.folder) == LEFT
    assert len(pids) == 2
    assert not [pid for pid in pids if runs(pid)]


def test_a_foreign_server_is_not_ended(servers: EmbeddedServers) -> None:
    """Without the secret a server is left alone, and the error says so."""
    (servers.folder / SECRETS_FILE).write_bytes(msgspec.json.encode({ADMIN: "another"}))
    with pytest.raises(ServerError, match="end it by hand"):
        stop_leftover(servers.folder)

    wait(fill_one(servers))


def test_unknown_users_and_impossible_names_are_refused(tmp_path: Path) -> None:
    """An address of nobody, and accounts that would take over another's name, are errors."""
    with pytest.raises(BusError, match=r"`user`: expected one of \['admin', 'alpha'\], got 'beta'"):
        EmbeddedServers(tmp_path, [Account(name="alpha")], binary=Path()).addresses("beta")
    for name in (ADMIN, "default", "a b", "x ~*"):
        with pytest.raises(BusError, match="`accounts`: expected a name of letters"):
            EmbeddedServers(tmp_path, [Account(name=name)], binary=Path()).start()
