"""Nothing is left of members that have gone: no task, no object, no room."""

from __future__ import annotations

import asyncio
import gc

import httpx
import pytest

from server.member import Member
from server.room import Room
from server.settings import Settings
from server.strategies import STRATEGIES
from server.testing.chat_user import join, wait_until
from tests.server.in_process import serve_here

VISITS = 1_000
AT_ONCE = 20


def alive(kind: type) -> int:
    """Return how many objects of a type there are."""
    gc.collect()
    return sum(type(thing) is kind for thing in gc.get_objects())


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_thousand_joins_and_leaves(strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    loop = asyncio.get_running_loop()
    tasks_without_server = asyncio.all_tasks(loop)
    async with serve_here(Settings(strategy=strategy, notice_limit=5)) as (_, address):
        tasks_when_idle = asyncio.all_tasks(loop)

        async def visit_repeatedly(name: str) -> None:
            for visit in range(VISITS // AT_ONCE):
                async with join(f"ws://{address}/chat?user_id={name}&room={visit % 2}") as user:
                    await user.say("hello")
                    await user.hear_said(1)
                    if visit % 4 > 1:
                        user.reset()

        async with join(f"ws://{address}/chat?user_id=resident&room=0") as resident:
            await asyncio.gather(*(visit_repeatedly(f"visitor{n}") for n in range(AT_ONCE)))
            await resident.hear_said(VISITS // 2)
            await wait_until(lambda: alive(Member) == alive(Room) == 1)
        await wait_until(lambda: asyncio.all_tasks(loop) == tasks_when_idle)
        async with httpx.AsyncClient(trust_env=False) as client:
            stats = (await client.get(f"http://{address}/stats")).json()
        assert (stats["members"], stats["messages_in"]) == (0, VISITS)
        assert (stats["kicked"], stats["dropped"]) == (0, 0)
        assert (alive(Member), alive(Room)) == (0, 0)
    assert asyncio.all_tasks() == tasks_without_server
    assert capsys.readouterr().out.count("chatroom ready on ") == 1
