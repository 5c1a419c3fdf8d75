"""Slow members: how long they are tolerated, what they cost meanwhile, and when they are kicked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from server.lifecycle import SEND_BUFFER_BYTES
from server.reading import READ_AHEAD_BYTES
from server.settings import Settings
from server.strategies import STRATEGIES
from server.testing.chat_user import TIMEOUT_S, User, fill_buffers, join, join_all, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess
from tests.server.in_process import serve_here

ISOLATING = ["queue", "coalesced"]
"""Strategies in which a slow member delays nobody else, so that more and more waits for it."""

NEVER_S = "1000"
EMPTY_TEXT_FRAME = bytes([0x81, 0x80, 0, 0, 0, 0])
RECEIVE_BUFFER_OF_UVLOOP = 256_000
HIGH_WATER_BYTES = 65_536
"""The transport asks for a pause above it."""


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_member_is_kicked_when_its_connection_was_full_for_too_long(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", "0.5", "--outbox-bytes", "100000000")
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            spoken = await fill_buffers(server, alice)
            await alice.say("is anybody there?")
            heard = await alice.hear_said(spoken + 1)
            assert heard[-1].text == "is anybody there?"
            await alice.hear_notice("stalled left")
        await wait_until(lambda: server.stats()["kicked"] == 1)
        assert server.stats()["dropped"] == 1
        await alice.say("still here")
        assert (await alice.hear_said(1))[0].text == "still here"


@pytest.mark.parametrize("strategy", sorted(STRATEGIES.keys() - ISOLATING))
async def test_only_what_waited_for_a_slow_member_is_dropped(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", "0.5")
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            spoken = await fill_buffers(server, alice)
            for _ in range(20):
                await alice.say("said while the room waits")
            await alice.hear_said(spoken + 20)
            await wait_until(lambda: server.clients() == ["alice"])
    stats = server.stats()
    assert (stats["kicked"], stats["dropped"]) == (1, 1)


@pytest.mark.parametrize("strategy", ISOLATING)
async def test_member_is_kicked_when_too_much_waits_for_it(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S, "--outbox-bytes", "200000")
    texts = [f"{n} {'x' * 1_000}" for n in range(1_000)]
    names = [f"speaker{n}" for n in range(20)]  # none of them talks so much that it has to wait
    async with join_all(server, "lobby", names) as speakers:
        with join_and_never_read(server.chat_url("stalled")):
            for text, speaker in zip(texts, cycle(speakers), strict=False):
                await speaker.say(text)
                assert [message.text for message in await speakers[0].hear_said(1)] == [text]
            await wait_until(lambda: sorted(server.clients()) == sorted(names))
        stats = server.stats()
    assert stats["kicked"] == 1
    # 64 KiB of the 200,000 bytes were the transport's already.
    assert 100 < stats["dropped"] < 200


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_member_that_reads_again_in_time_misses_nothing(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S, "--outbox-bytes", "100000000")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.connect(("127.0.0.1", urlsplit(server.url).port))
    async with (
        join(server.chat_url("alice")) as alice,
        connect(server.chat_url("slow"), compression=None, proxy=None, max_queue=1, sock=sock) as connection,
    ):
        slow = User(connection)
        spoken = await fill_buffers(server, alice)
        for n in range(100):
            await alice.say(f"{n} {'x' * 1_000}")
        await wait_until(lambda: server.stats()["messages_in"] > spoken)
        # It reads little by little, so its connection is full again and again.
        assert [message.text.split()[0] for message in (await slow.hear_said(spoken + 100))[spoken:]] == [
            str(n) for n in range(100)
        ]
        assert server.stats()["kicked"] == 0


@pytest.mark.parametrize("strategy", ISOLATING)
async def test_burst_gets_nobody_kicked(start_server: Callable[..., ServerProcess], strategy: str) -> None:
    """One read of the server brings thousands of empty texts, whose broadcasts are more than an outbox takes."""
    server = start_server("--strategy", strategy)
    count = 10_000
    async with join(server.chat_url("alice")) as alice, join(server.chat_url("bob")) as bob:
        hearing = asyncio.gather(*(user.hear_said(count) for user in (alice, bob)))
        alice.connection.transport.write(EMPTY_TEXT_FRAME * count)
        assert [len(messages) for messages in await hearing] == [count, count]
        assert server.stats()["kicked"] == 0


@pytest.mark.parametrize(("outbox_bytes", "send_buffer_bytes"), [(1_048_576, SEND_BUFFER_BYTES), (50_000, 50_000)])
async def test_buffer_of_the_kernel_is_bounded(outbox_bytes: int, send_buffer_bytes: int) -> None:
    async with (
        serve_here(Settings(outbox_bytes=outbox_bytes)) as (server, address),
        join(f"ws://{address}/chat?user_id=alice") as alice,
    ):
        await alice.hear_notice("alice joined")
        (connection,) = (member.frames for member in server.rooms.members())
        assert connection is not None
        sock = connection.transport.get_extra_info("socket")
        # Linux doubles it.
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) in (send_buffer_bytes, 2 * send_buffer_bytes)


async def test_member_that_reads_is_told_why_it_is_kicked() -> None:
    async with serve_here(Settings(strategy="coalesced")) as (server, address):
        async with join(f"ws://{address}/chat?user_id=alice") as alice:
            await alice.hear_notice("alice joined")
            (member,) = server.rooms.members()
            member.kick()
            member.kick()
            assert await alice.close_code() == 1013
        await wait_until(lambda: server.rooms.members() == [])
        assert server.rooms.counters.kicked == 1


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_hundred_stalled_members_cost_little_memory(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", "1", "--notice-limit", "0")
    highest = 0
    async with join(server.chat_url("alice")) as alice:
        with ExitStack() as stalled:
            for n in range(100):
                stalled.enter_context(join_and_never_read(server.chat_url(f"stalled{n}")))
            for _ in range(2_000):
                await alice.say("x" * 8_192)
                await alice.hear_said(1)
                stats = await asyncio.to_thread(server.stats)
                highest = max(highest, stats["rss_bytes"])
                if stats["kicked"] == 100:
                    break
            assert server.clients() == ["alice"]
    assert highest < 200 * 1024 * 1024


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("full", [False, True], ids=["quiet", "full"])
async def test_keepalive_ends_a_member_that_stopped_reading(
    monkeypatch: pytest.MonkeyPatch, strategy: str, full: bool
) -> None:
    monkeypatch.setattr("server.protocol.CLOSE_GRACE_S", 0.2)
    settings = Settings(strategy=strategy, slow_after_s=float(NEVER_S), outbox_bytes=100_000_000)
    async with (
        serve_here(settings, ping_interval_s=0.3) as (server, address),
        join(f"ws://{address}/chat?user_id=alice") as alice,
    ):
        with await asyncio.to_thread(join_and_never_read, f"ws://{address}/chat?user_id=stalled"):
            await alice.hear_notice("stalled joined")
            # On a busy machine keepalive may be first; then nothing will ever be full.
            while full and all(member.buffered_bytes <= HIGH_WATER_BYTES for member in server.rooms.members()):
                if len(server.rooms.members()) == 1:
                    break
                await alice.say("x" * 60_000)
            await alice.hear_notice("stalled left")
        assert [member.name for member in server.rooms.members()] == ["alice"]
        assert server.rooms.counters.kicked == 0


@pytest.mark.parametrize("strategy", ISOLATING)
async def test_member_that_hangs_up_without_reading_is_gone(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S)
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("bob")) as bob:
            await fill_buffers(server, alice)
            bob.shutdown(socket.SHUT_WR)
            await alice.hear_notice("bob left")


async def test_member_that_sends_but_does_not_read_is_not_read_from() -> None:
    settings = Settings(strategy="coalesced", slow_after_s=1.0)
    texts = [f"{n} {'x' * 10_000}" for n in range(2_000)]
    async with (
        serve_here(settings) as (server, address),
        join(f"ws://{address}/chat?user_id=alice") as alice,
        connect(f"ws://{address}/chat?user_id=flooder", compression=None, proxy=None, max_queue=1) as connection,
    ):
        flooding = asyncio.gather(*(connection.send(text) for text in texts), return_exceptions=True)
        heard = 0
        while (message := await alice.hear()).text != "flooder left":
            heard += message.event == "user"
        await flooding
        assert 0 < heard < len(texts)
        assert server.rooms.counters.kicked == 1


async def test_reading_ahead_of_a_blocked_room_is_bounded() -> None:
    settings = Settings(strategy="direct", slow_after_s=float(NEVER_S))
    texts = [f"{n} {'x' * 1_000}" for n in range(3_000)]
    async with (
        serve_here(settings) as (server, address),
        join(f"ws://{address}/chat?user_id=alice") as alice,
    ):
        with await asyncio.to_thread(join_and_never_read, f"ws://{address}/chat?user_id=stalled"):
            await alice.hear_notice("stalled joined")

            async def say_all() -> None:
                for text in texts:
                    await alice.say(text)

            speaking = asyncio.create_task(say_all())
            connection = next(member.frames for member in server.rooms.members() if member.name == "alice")
            assert connection is not None
            await wait_until(lambda: connection.read_paused and connection.queue.size > READ_AHEAD_BYTES)
            assert connection.queue.size < READ_AHEAD_BYTES + 3 * RECEIVE_BUFFER_OF_UVLOOP
        async with asyncio.timeout(TIMEOUT_S):
            assert [message.text for message in await alice.hear_said(len(texts))] == texts
            await speaking
