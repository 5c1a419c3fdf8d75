"""Thousands of malformed streams, from a seed: others are served, and everything is given back."""

from __future__ import annotations

import asyncio
import contextlib
import random

import psutil
import pytest
from websockets.frames import Frame, Opcode

from server.log_limit import LINES
from server.strategies import STRATEGIES
from server.testing.chat_user import join, wait_until
from server.testing.server_process import ServerProcess

STREAMS = 2_500  # for each of four strategies
AT_ONCE = 25
MAX_GROWTH_BYTES = 64 * 2**20

UPGRADE = (
    b"GET /chat?user_id=%s&room=fuzz HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def stream(seed: int) -> bytes:
    """Return what a peer sends: a handshake and frames, all of which may be damaged."""
    chance = random.Random(seed)
    handshake = UPGRADE % f"fuzz{seed}".encode()
    if chance.random() < 0.2:
        handshake = damaged(handshake, chance)
    return handshake + b"".join(frame(chance) for _ in range(chance.randint(0, 6)))


def frame(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.3:
        return chance.randbytes(chance.randint(0, 40))
    payload = chance.randbytes(chance.choice([0, 1, 5, 125, 126, 127, 300, 70_000]))
    opcode = chance.choice(list(Opcode))
    valid = Frame(opcode, payload, fin=chance.random() < 0.8, rsv1=chance.random() < 0.1, rsv3=chance.random() < 0.05)
    with contextlib.suppress(Exception):  # a control frame that is too long, for instance
        made = valid.serialize(mask=chance.random() < 0.9)
        return damaged(made, chance) if kind < 0.6 else made
    return chance.randbytes(10)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut it short, or change or insert some bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        position = chance.randrange(len(changed) + 1)
        match chance.randrange(3):
            case 0:
                del changed[position:]
            case 1:
                changed[position:position] = chance.randbytes(3)
            case _:
                changed[position : position + 1] = chance.randbytes(1)
    return bytes(changed)


async def send(server: ServerProcess, seed: int, at_once: asyncio.Semaphore) -> None:
    """Send one stream, read what the server says to it for a moment, and hang up in one of two ways."""
    host, port = server.url.removeprefix("http://").split(":")
    async with at_once:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(stream(seed))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    while await reader.read(65_536):
                        pass
            if seed % 2:
                writer.transport.abort()
            else:
                writer.close()


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_malformed_streams_leave_nothing_behind(strategy: str) -> None:
    with ServerProcess("--strategy", strategy) as server:
        process = psutil.Process(server.process.pid)
        async with join(server.chat_url("alice", "quiet")) as alice, join(server.chat_url("bob", "quiet")) as bob:
            await bob.say("before")
            await alice.hear_said(1)
            before = await asyncio.to_thread(server.stats)
            descriptors = process.num_fds()
            first = list(STRATEGIES).index(strategy) * STREAMS
            at_once = asyncio.Semaphore(AT_ONCE)
            sending = asyncio.gather(*(send(server, first + number, at_once) for number in range(STREAMS)))
            said = 0
            while not sending.done():
                await bob.say(f"during {said}")
                assert (await alice.hear_said(1))[0].text == f"during {said}"
                said += 1
            await sending
            await wait_until(lambda: server.clients("fuzz") == [])
            await wait_until(lambda: server.stats()["tasks"] <= before["tasks"])
            await wait_until(lambda: process.num_fds() <= descriptors)
            after = await asyncio.to_thread(server.stats)
        assert after["members"] == 2
        assert after["rss_bytes"] - before["rss_bytes"] < MAX_GROWTH_BYTES
        assert said > 0
        assert server.stop() == 0
        lines = server.stderr().splitlines()
    assert len(lines) <= 2 * LINES, "of two kinds of bad requests"
