"""What only the `coalesced` strategy does: ready frames, and one write for all frames of a turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from websockets.frames import CloseCode, Frame, Opcode

from server.frames import count_frames, text_frame
from server.member import Member
from server.message import Broadcast
from server.protocol import Outlets
from server.settings import Settings
from server.strategies.coalesced import FLUSH_BYTES, CoalescedStrategy
from server.telemetry import Counters
from server.testing.chat_user import User, join, join_all, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess
from tests.server.in_process import serve_here

CLOSE_1003 = Frame(Opcode.CLOSE, (1003).to_bytes(2)).serialize(mask=False)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("--strategy", "coalesced") as server:
        yield server
        assert server.stderr() == ""


async def test_all_members_see_one_order(server: ServerProcess) -> None:
    names = [f"member{n}" for n in range(10)]

    async def say_all(user: User) -> None:
        for n in range(50):
            await user.say(str(n))

    async with join_all(server, "order", names) as users:
        speaking = asyncio.gather(*(say_all(user) for user in users))
        heard = await asyncio.gather(*(user.hear_said(50 * len(names)) for user in users))
        await speaking
    orders = [[(message.sender, message.text) for message in messages] for messages in heard]
    assert all(order == orders[0] for order in orders)


async def test_member_hears_everything_from_its_join_on_and_nothing_before(server: ServerProcess) -> None:
    async def say_until_cancelled(user: User) -> None:
        n = 0
        while True:
            for _ in range(20):
                await user.say(str(n))
                n += 1
            await asyncio.sleep(0)

    async with join(server.chat_url("alice", "join")) as alice:
        speaking = asyncio.create_task(say_until_cancelled(alice))
        for n in range(10):
            async with join(server.chat_url(f"bob{n}", "join")) as bob:
                first = await bob.hear()
                assert (first.sender, first.text) == ("@system", f"bob{n} joined")
                heard = [int(message.text) for message in await bob.hear_said(50)]
                assert heard == list(range(heard[0], heard[0] + 50))
        speaking.cancel()


async def test_nothing_follows_the_close_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.protocol.CLOSE_GRACE_S", 0.2)
    async with serve_here(Settings(strategy="coalesced")) as (server, address):
        with await asyncio.to_thread(join_and_never_read, f"ws://{address}/chat?user_id=alice") as alice:
            await wait_until(lambda: server.rooms.members() != [])
            (connection,) = (member.frames for member in server.rooms.members())
            assert connection is not None
            outlets: Outlets = {}
            connection.attach(outlets)
            outlets[connection](text_frame(b"in time"))
            connection.close(CloseCode.UNSUPPORTED_DATA)
            outlets[connection](text_frame(b"too late"))
            received = b""
            while chunk := await asyncio.to_thread(alice.recv, 65_536):
                received += chunk
        assert received.endswith(text_frame(b"in time") + CLOSE_1003)


async def test_messages_above_what_one_flush_takes(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--strategy", "coalesced", "--outbox-bytes", "100000000")
    texts = [f"{n} {'x' * 60_000}" for n in range(100)]
    async with join(server.chat_url("alice")) as alice, join(server.chat_url("bob")) as bob:
        hearing = asyncio.gather(*(user.hear_said(len(texts)) for user in (alice, bob)))
        for text in texts:
            await alice.say(text)
        assert all([message.text for message in messages] == texts for messages in await hearing)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_counted(size: int) -> None:
    assert count_frames(text_frame(b"x" * size)) == 1
    assert count_frames(text_frame(b"x" * size) * 3 + text_frame(b"y")) == 4
    assert count_frames(b"") == 0


class Connection:
    """Frames of a member with a faulty transport: its first write fails (`breaks`), or each takes `write_s` seconds."""

    def __init__(self, *, breaks: bool = False, write_s: float = 0.0) -> None:
        self.written: list[bytes] = []
        self.has_written = asyncio.Event()
        self._breaks = breaks
        self._write_s = write_s

    def attach(self, outlets: dict[object, Callable[[bytes], None]]) -> None:
        outlets[self] = self._write

    def detach(self) -> None:
        pass

    def _write(self, frames: bytes) -> None:
        self.written.append(frames)
        time.sleep(self._write_s)
        self.has_written.set()
        if self._breaks and len(self.written) == 1:
            raise OSError("broken")


@asynccontextmanager
async def room_of(connection: Connection) -> AsyncIterator[tuple[CoalescedStrategy, Counters]]:
    """Have a room of one member with such a connection."""
    counters = Counters()
    strategy = CoalescedStrategy({}, counters)
    member = cast("Member", SimpleNamespace(frames=connection))
    gone = asyncio.Event()
    attending = asyncio.create_task(strategy.attend(member, until_set(gone)))
    await asyncio.sleep(0)
    yield strategy, counters
    gone.set()
    await attending


async def until_set(event: asyncio.Event) -> None:
    await event.wait()


async def test_flush_that_fails_is_reported_and_not_repeated() -> None:
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(str(context["exception"])))
    async with room_of(connection := Connection(breaks=True)) as (strategy, counters):
        for payload in (b"first", b"second"):
            await strategy.publish(Broadcast(payload, "user"))
            await asyncio.sleep(0.01)
    assert reported == ["broken"]
    assert connection.written == [text_frame(b"first"), text_frame(b"second")]
    assert counters.deliveries_out == 1


async def test_broadcasts_during_a_rest_share_the_next_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.strategies.coalesced.MAX_REST_S", 10.0)
    async with room_of(connection := Connection(write_s=0.5)) as (strategy, _):
        await strategy.publish(Broadcast(b"first", "user"))
        await connection.has_written.wait()
        for payload in (b"second", b"third"):
            await strategy.publish(Broadcast(payload, "user"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await wait_until(lambda: len(connection.written) == 2)
    assert connection.written == [text_frame(b"first"), text_frame(b"second") + text_frame(b"third")]


async def test_early_flush_is_followed_by_a_whole_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.strategies.coalesced.MAX_REST_S", 10.0)
    first, second, large, third, fourth = b"first", b"second", b"x" * (FLUSH_BYTES + 1), b"third", b"fourth"
    async with room_of(connection := Connection(write_s=0.5)) as (strategy, _):
        await strategy.publish(Broadcast(first, "user"))
        await connection.has_written.wait()
        await strategy.publish(Broadcast(second, "user"))
        await strategy.publish(Broadcast(large, "user"))
        for payload in (third, fourth):
            await strategy.publish(Broadcast(payload, "user"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await wait_until(lambda: len(connection.written) == 3)
    batches = [[first], [second, large], [third, fourth]]
    assert connection.written == [b"".join(map(text_frame, batch)) for batch in batches]
