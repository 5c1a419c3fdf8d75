"""Fixtures for all packages' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from server.testing.server_process import ServerProcess


@pytest.fixture
def start_server() -> Iterator[Callable[..., ServerProcess]]:
    """Start servers with the flags given; after the test they end, and none may have written to stderr."""
    servers: list[ServerProcess] = []
    with ExitStack() as stack:

        def start(*flags: str) -> ServerProcess:
            servers.append(stack.enter_context(ServerProcess(*flags)))
            return servers[-1]

        yield start
    assert [server.stderr() for server in servers] == [""] * len(servers)
