"""The tests that every strategy must pass, with the real server over real sockets."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from server.message import Message
from server.strategies import Strategy, strategy_named
from server.testing.chat_user import CLOSE_FRAME, User, fill_buffers, join, join_all, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess

JOIN_AND_WAIT = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], proxy=None) as connection:
    print("joined", flush=True)
    sys.stdin.read()
"""


class StrategyContract:
    """The tests that a strategy must pass; subclass it as `TestMine` and name the class in `strategy`.

    The server is started as a user would, by the strategy's name: it must be built in or installed.
    """

    strategy: ClassVar[type[Strategy]]
    pytestmark = pytest.mark.asyncio

    @pytest.fixture(scope="class")
    @classmethod
    def strategy_name(cls) -> str:
        """Return the name for `--strategy`, after a check that it starts the class in `strategy`."""
        name = cls.strategy.name
        assert strategy_named(name) is cls.strategy, f"--strategy {name} starts another class; choose another name"
        return name

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, strategy_name: str) -> Iterator[ServerProcess]:
        """Have one server for all tests; each has a room of its own in it."""
        with ServerProcess("--strategy", strategy_name) as server:
            yield server
            assert server.stderr() == ""

    @pytest.fixture
    def room(self, request: pytest.FixtureRequest) -> str:
        """Return the name of a room that no other test uses."""
        name: str = request.node.originalname
        return name

    async def test_sender_hears_itself(self, server: ServerProcess, room: str) -> None:
        """A message comes back to its sender unchanged, stamped with the time."""
        async with join(server.chat_url("alice", room)) as alice:
            before = datetime.now(UTC) - timedelta(seconds=1)
            await alice.say("hello, \u4e16\u754c <b>\"&'\u2028\U0001f600")
            (message,) = await alice.hear_said(1)
        assert (message.sender, message.event) == ("alice", "user")
        assert message.text == "hello, \u4e16\u754c <b>\"&'\u2028\U0001f600"
        assert message.ctime.endswith("+00:00")
        assert before < datetime.fromisoformat(message.ctime) < datetime.now(UTC) + timedelta(seconds=1)

    async def test_order_of_each_sender_is_kept(self, server: ServerProcess, room: str) -> None:
        """Everybody receives the messages of one sender in the order they were sent."""
        senders, listeners = [f"sender{n}" for n in range(5)], ["listener0", "listener1"]
        texts = [str(n) for n in range(100)]

        async def say_all(user: User) -> None:
            for text in texts:
                await user.say(text)

        async with join_all(server, room, senders + listeners) as users:
            speaking = asyncio.gather(*(say_all(user) for user in users[: len(senders)]))
            heard = await asyncio.gather(*(user.hear_said(len(senders) * len(texts)) for user in users))
            await speaking
        for messages in heard:
            assert by_sender(messages) == dict.fromkeys(senders, texts)

    async def test_hundred_members_hear_everything_once(self, server: ServerProcess, room: str) -> None:
        """Nothing is lost and nothing is delivered twice."""
        names = [f"member{n}" for n in range(100)]
        async with join_all(server, room, names) as users:
            await asyncio.gather(*(user.say(name) for user, name in zip(users, names, strict=True)))
            heard = await asyncio.gather(*(user.hear_said(len(names)) for user in users))
            # Were anything delivered twice, it would come before what is said last.
            await users[0].say("the end")
            last = await asyncio.gather(*(user.hear_said(1) for user in users))
        assert [sorted(message.text for message in messages) for messages in heard] == [sorted(names)] * 100
        assert {message.text for (message,) in last} == {"the end"}

    async def test_members_leaving_in_mid_broadcast_affect_nobody_else(self, server: ServerProcess, room: str) -> None:
        """Those who stay miss nothing when others close or vanish meanwhile."""
        texts = [f"{n} {'x' * 1_000}" for n in range(200)]

        async def leave_at(user: User, count: int) -> None:
            await user.hear_said(count)
            if count % 2:
                user.reset()
            else:
                await user.connection.close()

        async with join_all(server, room, [f"member{n}" for n in range(30)]) as users:
            speaker, *others = users
            leaving = asyncio.gather(*(leave_at(user, 10 * n + n % 2) for n, user in enumerate(others[:15], 1)))
            hearing = asyncio.gather(*(user.hear_said(len(texts)) for user in [speaker, *others[15:]]))
            for text in texts:
                await speaker.say(text)
            heard = await hearing
            await leaving
            await wait_until(lambda: len(server.clients(room)) == 15)
        assert all([message.text for message in messages] == texts for messages in heard)

    async def test_join_and_leave_are_announced_to_all(self, server: ServerProcess, room: str) -> None:
        """Notices go to all members; who joins receives its own."""
        async with join(server.chat_url("alice", room)) as alice:
            assert await said_by_system(alice) == ("join", "alice joined")
            async with join(server.chat_url("bob", room)) as bob:
                assert await said_by_system(bob) == ("join", "bob joined")
                assert await said_by_system(alice) == ("join", "bob joined")
            assert await said_by_system(alice) == ("leave", "bob left")

    async def test_member_that_is_reset_is_gone(self, server: ServerProcess, room: str) -> None:
        """A connection that is reset frees its name."""
        async with join(server.chat_url("alice", room)) as alice:
            async with join(server.chat_url("bob", room)) as bob:
                await bob.hear()
                bob.reset()
                await alice.hear_notice("bob left")
            await wait_until(lambda: server.clients(room) == ["alice"])
            async with join(server.chat_url("bob", room)) as bob:
                await bob.say("again")
                assert [message.text for message in await alice.hear_said(1)] == ["again"]

    async def test_member_whose_process_is_killed_is_gone(self, server: ServerProcess, room: str) -> None:
        """A member whose process is killed frees its name."""
        async with join(server.chat_url("alice", room)) as alice:
            bob = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-c", JOIN_AND_WAIT, server.chat_url("bob", room)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            with bob:
                await alice.hear_notice("bob joined")
                bob.kill()
                await alice.hear_notice("bob left")
            await wait_until(lambda: server.clients(room) == ["alice"])
            await alice.say("still here")
            assert [message.text for message in await alice.hear_said(1)] == ["still here"]

    async def test_member_that_closes_without_reading_is_gone(self, server: ServerProcess, room: str) -> None:
        """A close frame counts although the buffers of that member are full."""
        async with join(server.chat_url("alice", room)) as alice:
            with join_and_never_read(server.chat_url("bob", room)) as bob:
                await fill_buffers(server, alice)
                bob.sendall(CLOSE_FRAME)
                await alice.hear_notice("bob left")

    async def test_who_comes_back_gets_what_it_missed_in_order_and_once(self, server: ServerProcess, room: str) -> None:
        """Members that drop again and again while others talk have everything in the end."""
        texts, drops = [str(n) for n in range(200)], (7, 50, 51, 120)

        async def come_and_go(name: str) -> list[str]:
            heard: list[str] = []
            epoch, offset = "", 0
            for stop in (*drops, len(texts)):
                await wait_until(lambda: name not in server.clients(room))
                async with join(server.chat_url(name, room, f"{epoch}:{offset}" if epoch else "")) as user:
                    welcome = await user.hear_any()
                    assert welcome["event"] == "welcome"
                    epoch, offset = welcome["epoch"], offset if epoch else welcome["offset"]
                    while len(heard) < stop:
                        message = await user.hear_any()
                        assert message["offset"] == offset + 1, "nothing is left out, and nothing comes twice"
                        offset = message["offset"]
                        heard += [message["text"]] * (message["event"] == "user")
                    user.reset()
            return heard

        async with join(server.chat_url("speaker", room)) as speaker:
            coming = [asyncio.create_task(come_and_go(f"visitor{n}")) for n in range(10)]
            await wait_until(lambda: len(server.clients(room)) == 11)
            for text in texts:
                await speaker.say(text)
                await asyncio.sleep(0.002)
            heard = await asyncio.gather(*coming)
        assert heard == [texts] * 10

    async def test_shutdown_closes_even_members_that_do_not_read(self, strategy_name: str) -> None:
        """SIGTERM ends every connection with code 1012, and the server with exit code 0."""
        with ServerProcess("--strategy", strategy_name) as server:
            with join_and_never_read(server.chat_url("stalled")):
                async with join(server.chat_url("alice")) as alice, join(server.chat_url("bob")) as bob:
                    await fill_buffers(server, alice)
                    ending = asyncio.create_task(asyncio.to_thread(server.stop, signal.SIGTERM))
                    assert [await user.close_code() for user in (alice, bob)] == [1012, 1012]
                    assert await ending == 0
            assert (server.rest_of_stdout(), server.stderr()) == ("", "")


def by_sender(messages: list[Message]) -> dict[str, list[str]]:
    """Return the texts of each sender in the order received."""
    texts: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        texts[message.sender].append(message.text)
    return texts


async def said_by_system(user: User) -> tuple[str, str]:
    """Return event and text of the next message, which must be a notice."""
    message = await user.hear()
    assert message.sender == "@system"
    return message.event, message.text
