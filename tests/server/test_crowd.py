"""Many members that join and vanish at once."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from server.strategies import STRATEGIES
from server.testing.chat_user import join, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess

CROWD = 200


@contextmanager
def crowd(server: ServerProcess) -> Iterator[list[socket.socket]]:
    """Have members in the room that do not read."""
    with ExitStack() as stack:
        yield [stack.enter_context(join_and_never_read(server.chat_url(f"member{n}"))) for n in range(CROWD)]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_crowd_that_vanishes_is_removed_without_log_lines(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy)
    async with join(server.chat_url("alice")) as alice:
        with crowd(server) as members:
            for member in members:
                member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await wait_until(lambda: server.clients() == ["alice"])
        left: set[str] = set()
        while len(left) < CROWD:
            message = await alice.hear()
            if message.event == "leave":
                left.add(message.text)
        assert left == {f"member{n} left" for n in range(CROWD)}
        assert server.stats()["kicked"] == 0


async def test_crowd_does_not_delay_the_shutdown(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "coalesced")
    with crowd(server):
        async with join(server.chat_url("alice")) as alice:
            ending = asyncio.create_task(asyncio.to_thread(server.stop, signal.SIGTERM))
            assert await alice.close_code() == 1012
            assert await ending == 0
