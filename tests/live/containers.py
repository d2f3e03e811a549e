"""A fleet of containers under a name of its own, and what one may do to it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import httpx

from shared import registry
from tests.live.running import environment, wait_until

ROOT: Final = Path(__file__).resolve().parent.parent.parent
VARIABLE: Final = "KNOTMETER_DOCKER"
"""Environment variable that names the program `docker` where there is one to test with."""

SERVERS: Final = {"md": "redis-market-data", "logic": "redis-engine-logic"}
"""Service of the server of each bus."""

ENGINES: Final = tuple(registry.engines())
PROCESSES: Final = (*ENGINES, "recorder")
"""Services that answer HTTP."""

LONG_LIVED: Final = (*SERVERS.values(), *PROCESSES)
"""Services that go on."""

PORT: Final = 8000
_SECONDS: Final = 1_200.0
"""No command takes longer, not even a build on a machine that has nothing yet."""


class Compose:
    """One project: everything it makes bears its name."""

    def __init__(self, version: str, settings: Mapping[str, str] | None = None) -> None:
        self.project = f"knotmeter-test-{secrets.token_hex(4)}"
        ports = {f"{name.upper()}_PORT": "0" for name in PROCESSES}  # any that is free
        self.variables = {
            **environment(),
            **ports,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROGRESS": "plain",
            "KNOTMETER_VERSION": version,
            **(settings or {}),
        }

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run `docker compose` to its end."""
        project = ("compose", "--project-directory", str(ROOT))
        return docker(*project, *arguments, variables={**self.variables, **variables})

    def do(self, *arguments: str, **variables: str) -> str:
        """Run `docker compose`, which must succeed; returns what it printed."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, f"{arguments}: {done.stdout.decode()}{done.stderr.decode()}{self.log()}"
        return done.stdout.decode()

    def up(self, **variables: str) -> None:
        """Start everything, and wait until it is healthy."""
        self.do("up", "--detach", "--no-build", **variables)
        wait_until(self.is_healthy, f"{self.project} to be healthy")

    def log(self, *services: str) -> str:
        """The last lines of the containers' logs."""
        return self.run("logs", "--no-color", "--tail", "20", *services).stdout.decode()

    def container(self, service: str) -> str:
        """Id of a service's container."""
        return self.do("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """What Docker says of a service's container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.container(service)).stdout)
        return found[0]

    def is_healthy(self) -> bool:
        """Whether everything that goes on is healthy."""
        states = [self.inspect(service)["State"] for service in LONG_LIVED]
        return all(state["Running"] and state["Health"]["Status"] == "healthy" for state in states)

    def execute(self, service: str, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command in a container, without a thing that the container's own process lacks."""
        return docker("exec", self.container(service), *command)

    def kill(self, service: str) -> None:
        """Kill a container's main process with signal 9, and wait until Docker has started it again."""
        before = self.inspect(service)["RestartCount"]
        # The first process of a container is its init, whose only child is the one to kill.
        program = "kill -9 $(cat /proc/1/task/1/children)"
        wait_until(lambda: self.execute(service, "sh", "-c", program).returncode == 0, f"a {service} to kill")
        wait_until(lambda: self.inspect(service)["RestartCount"] > before, f"a new {service}")

    def get(self, service: str, path: str) -> Any:
        """What a service answers at its published port; None if it does not."""
        place = self.do("port", service, str(PORT)).strip()
        try:
            answer = httpx.get(f"http://{place}{path}", timeout=10, trust_env=False)
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    def is_complete(self) -> bool:
        """Whether the whole session is recorded."""
        state = self.get("recorder", "/state")
        return bool(state and state["complete"])

    def n_events(self) -> int:
        """Events recorded by now."""
        state = self.get("recorder", "/state")
        return sum(state["n_events"].values()) if state else 0

    def export(self) -> dict[str, bytes]:
        """Files of the results of the recording."""
        done = self.run("run", "--rm", "-T", "export")
        assert done.returncode == 0, done.stderr.decode()
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            members = [member for member in archive if member.isfile()]
            contents = {member.name.removeprefix("./"): archive.extractfile(member) for member in members}
            return {name: content.read() for name, content in contents.items() if content is not None}

    def things(self, kind: str) -> list[str]:
        """Names of what bears the project's label: ``container``, ``network`` or ``volume``."""
        everything = ("--all",) if kind == "container" else ()
        label = f"label=com.docker.compose.project={self.project}"
        return docker(kind, "ls", "--quiet", *everything, "--filter", label).stdout.decode().split()


def docker(*arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run `docker` to its end."""
    return subprocess.run(
        [os.environ[VARIABLE], *arguments],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
        env=environment() if variables is None else dict(variables),
    )


@contextmanager
def project(version: str, settings: Mapping[str, str] | None = None) -> Iterator[Compose]:
    """A project that leaves nothing behind."""
    compose = Compose(version, settings)
    try:
        yield compose
    finally:
        compose.run("--profile", "tools", "down", "--volumes", "--remove-orphans", "--timeout", "2")
