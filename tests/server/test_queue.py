"""What only the `queue` strategy does: it isolates a member that does not read, and kicks it in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.strategies.queue import MEMBER_QUEUE_LIMIT
from tests.server.chat_user import fill_buffers, join, join_and_never_read, until
from tests.server_process import ServerProcess


async def test_member_that_does_not_read_is_kicked(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "queue")
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            spoken = await fill_buffers(server, alice)
            texts = [str(n) for n in range(MEMBER_QUEUE_LIMIT + 100)]
            hearing = asyncio.create_task(alice.hear_said(spoken + len(texts)))
            for text in texts:
                await alice.say(text)
            heard = await hearing
            await alice.hear_notice("stalled left")
        assert [message.text for message in heard[spoken:]] == texts
        await until(lambda: server.clients() == ["alice"])
        stats = server.stats()
    assert stats["kicked"] == 1
    assert stats["dropped"] == MEMBER_QUEUE_LIMIT + 1
