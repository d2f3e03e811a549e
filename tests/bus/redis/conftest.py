"""Servers of a test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bus.server import EmbeddedServers
from tests.bus.redis_servers import empty, running_servers


@pytest.fixture(scope="module")
def shared_servers() -> Iterator[EmbeddedServers]:
    """Servers that a module's tests share."""
    with running_servers() as servers:
        yield servers


@pytest.fixture
def servers(shared_servers: EmbeddedServers) -> EmbeddedServers:
    """The shared servers, emptied."""
    empty(shared_servers)
    return shared_servers


@pytest.fixture
def own_servers() -> Iterator[EmbeddedServers]:
    """Servers of one test, which it may kill."""
    with running_servers() as servers:
        yield servers
