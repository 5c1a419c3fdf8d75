"""Rooms in which more is said than some can read: who talks waits, who reads is kept, and nobody stops the room."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from itertools import cycle

import pytest
from websockets.frames import Frame, Opcode

from server.congestion import PATIENCE_S
from server.strategies import STRATEGIES
from server.testing.chat_user import TIMEOUT_S, User, join, join_all, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess

ISOLATING = ["queue", "coalesced"]
NEVER_S = "1000"
LARGE = "x" * 60_000
SIX_BYTES_IN_JSON = "\u0001"


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("senders", "readers", "count", "text"),
    [(60, 20, 1, LARGE), (3, 5, 15, SIX_BYTES_IN_JSON * 60_000)],
    ids=["many-senders", "escapes"],
)
async def test_several_senders_at_once_overflow_nobody_who_reads(
    start_server: Callable[..., ServerProcess], strategy: str, senders: int, readers: int, count: int, text: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S, "--notice-limit", "0")
    async with join_all(server, "lobby", [f"user{n}" for n in range(senders + readers)]) as users:
        heard = asyncio.gather(*(hears(user, senders * count) for user in users))
        await asyncio.gather(*(user.connection.send(text) for _ in range(count) for user in users[:senders]))
        await heard
    assert server.stats()["kicked"] == 0


async def hears(user: User, count: int) -> None:
    async with asyncio.timeout(3 * TIMEOUT_S):
        for _ in range(count):
            await user.connection.recv(decode=False)


class SlowReader:
    """A member in a thread: it pauses until it is told to read, then reads at a rate."""

    def __init__(self, url: str, bytes_per_s: float) -> None:
        self.may_read = threading.Event()
        self.received = bytearray()
        self._sock = join_and_never_read(url)
        self._bytes_per_s = bytes_per_s
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        self.may_read.wait()
        with contextlib.suppress(OSError):
            while piece := self._sock.recv(16_384):
                self.received += piece
                time.sleep(len(piece) / self._bytes_per_s)

    def close(self) -> None:
        self.may_read.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()


@pytest.mark.long
@pytest.mark.parametrize("strategy", ISOLATING)
async def test_who_pauses_during_a_flood_and_reads_again_misses_nothing(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S, "--notice-limit", "0")
    async with join(server.chat_url("flooder")) as flooder:
        pausing = SlowReader(server.chat_url("pausing"), bytes_per_s=1e9)
        try:
            flood = asyncio.gather(*(flooder.say(LARGE) for _ in range(60)))
            await wait_until(lambda: server.stats()["outbox_bytes_max"] > 400_000)
            await asyncio.sleep(4 * PATIENCE_S)
            assert server.stats()["messages_in"] < 60, "the flood has to wait"
            pausing.may_read.set()
            await flood
            await flooder.hear_said(60)
            await wait_until(lambda: len(pausing.received) > 60 * len(LARGE))
        finally:
            pausing.close()
    assert server.stats()["kicked"] == 0


@pytest.mark.long
@pytest.mark.parametrize("strategy", ISOLATING)
async def test_who_reads_slowly_without_a_pause_is_kept(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    """Its connection is full all the time, and half an outbox takes it longer than `--slow-after`."""
    server = start_server("--strategy", strategy, "--slow-after", "2", "--notice-limit", "0")
    async with join(server.chat_url("flooder")) as flooder:
        slow = SlowReader(server.chat_url("slow"), bytes_per_s=150_000)
        slow.may_read.set()
        try:
            flood = asyncio.gather(*(flooder.say(LARGE) for _ in range(30)))
            async with asyncio.timeout(3 * TIMEOUT_S):
                await asyncio.gather(flood, hears(flooder, 30))
                while len(slow.received) < 30 * len(LARGE):
                    assert "slow" in await asyncio.to_thread(server.clients)
                    await asyncio.sleep(0.1)
        finally:
            slow.close()


@pytest.mark.parametrize("strategy", ISOLATING)
async def test_a_flooder_and_a_member_that_never_reads_do_not_stop_a_room(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S, "--notice-limit", "0")
    async with (
        join(server.chat_url("alice")) as alice,
        join(server.chat_url("bob")) as bob,
        join(server.chat_url("flooder")) as flooder,
    ):
        with join_and_never_read(server.chat_url("stalled")):
            flooder.connection.transport.write(Frame(Opcode.TEXT, LARGE.encode()).serialize(mask=True) * 60)
            await wait_until(lambda: server.stats()["outbox_bytes_max"] > 400_000)
            for number, speaker in zip(range(20), cycle([alice, bob]), strict=False):
                await speaker.say(f"{number}")
            heard = await said_by(bob, {"alice", "bob"}, 20)
            assert sorted(heard, key=int) == [str(number) for number in range(20)]
            stats = await asyncio.to_thread(server.stats)
            assert stats["kicked"] == 0
            assert stats["messages_in"] < 60 + 20, "the flood goes on waiting"


async def said_by(user: User, names: set[str], count: int) -> list[str]:
    texts: list[str] = []
    while len(texts) < count:
        message = await user.hear()
        if message.sender in names:
            texts.append(message.text)
    return texts


@pytest.mark.parametrize("strategy", ISOLATING)
async def test_who_hangs_up_while_it_waits_for_room_is_gone(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy, "--slow-after", NEVER_S)
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            async with join(server.chat_url("flooder")) as flooder:
                flooder.connection.transport.write(Frame(Opcode.TEXT, LARGE.encode()).serialize(mask=True) * 60)
                await wait_until(lambda: server.stats()["outbox_bytes_max"] > 400_000)
                flooder.reset()
            await alice.hear_notice("flooder left")


@pytest.mark.parametrize("count", [3, 200], ids=["read-on", "not-read-from"])
@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "end"])
async def test_who_hangs_up_while_it_is_slowed_is_gone(
    start_server: Callable[..., ServerProcess], count: int, is_reset: bool
) -> None:
    server = start_server("--max-messages-per-second", "0.01", "--slow-after", NEVER_S)
    async with join(server.chat_url("bob")) as bob:
        async with join(server.chat_url("alice")) as alice:
            for _ in range(count):
                await alice.say("hello")
            await bob.hear_said(1)
            if is_reset:
                alice.reset()
            else:
                alice.connection.transport.close()
        await bob.hear_notice("alice left")
        async with join(server.chat_url("alice")) as alice:
            await alice.hear_notice("alice joined")


async def test_one_message_over_a_limit_of_bytes_passes(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--max-bytes-per-second", "10000", "--slow-after", "0.1")
    async with join(server.chat_url("bob")) as bob, join(server.chat_url("alice")) as alice:
        await alice.say("x" * 65_000)
        assert len((await bob.hear_said(1))[0].text) == 65_000
        await bob.say("still here")
        assert (await alice.hear_said(2))[-1].text == "still here"
        assert sorted(server.clients()) == ["alice", "bob"]
