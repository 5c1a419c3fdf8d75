"""How the connection of a member that does not read is ended."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress

import psutil

from server.settings import Settings
from server.testing.chat_user import CLOSE_FRAME, User, fill_buffers, join, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess
from tests.server.in_process import serve_here

MORE_THAN_BUFFERS_HOLD = [f"{n} {'x' * 60_000}" for n in range(200)]
MASKED_TEXT_FRAME = struct.pack("!BBHI", 0x81, 0x80 | 126, 60_000, 0) + b"y" * 60_000


async def test_connection_is_aborted_although_its_buffer_never_empties(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server()

    def peers() -> set[object]:
        return {tuple(connection.raddr) for connection in process.net_connections("tcp") if connection.raddr}

    process = psutil.Process(server.process.pid)
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")) as stalled:
            await fill_buffers(server, alice)
            assert stalled.getsockname() in peers()
            stalled.sendall(CLOSE_FRAME)
            await wait_until(lambda: stalled.getsockname() not in peers())


async def test_room_goes_on_without_a_member_that_does_not_read() -> None:
    """Both are in the middle of a broadcast, so neither is read from: only the one that does not read may go."""

    async def say_all(user: User) -> None:
        for text in MORE_THAN_BUFFERS_HOLD:
            await user.say(text)

    heard: list[str] = []
    stalled_left = False
    async with (
        serve_here(Settings(strategy="direct"), ping_interval_s=0.5) as (_, address),
        join(f"ws://{address}/chat?user_id=alice") as alice,
    ):
        with await asyncio.to_thread(join_and_never_read, f"ws://{address}/chat?user_id=stalled") as stalled:
            flooding = asyncio.create_task(asyncio.to_thread(stalled.sendall, MASKED_TEXT_FRAME * 500))
            speaking = asyncio.create_task(say_all(alice))
            while not stalled_left or len(heard) < len(MORE_THAN_BUFFERS_HOLD):
                message = await alice.hear()
                stalled_left |= message.text == "stalled left"
                if message.sender == "alice":
                    heard.append(message.text)
            await speaking
            with suppress(ConnectionError):  # it may have been cut off while it was still sending
                await flooding
    assert heard == MORE_THAN_BUFFERS_HOLD
