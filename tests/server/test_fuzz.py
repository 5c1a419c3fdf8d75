"""Thousands of malformed streams, from a seed: others are served, and everything is given back."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

import psutil
import pytest
from websockets.frames import Frame, Opcode

from server.log_limit import LINES
from server.strategies import STRATEGIES
from server.testing.chat_user import TIMEOUT_S, join, wait_until
from server.testing.server_process import ServerProcess

STREAMS = 2_500  # for each of four strategies
AT_ONCE = 25
ANSWER_LIMIT_S = 0.5
"""A damaged handshake may have no answer yet."""
READ_S = 0.02
MAX_GROWTH_BYTES = 64 * 2**20
OFFENCES = {
    1002: Frame(Opcode.TEXT, b"x").serialize(mask=False),
    1007: Frame(Opcode.TEXT, b"\xff").serialize(mask=True),
    1009: Frame(Opcode.TEXT, bytes(70_000)).serialize(mask=True),
}
"""By the close code that the server answers with."""
OFFENDERS = 10
"""One of so many streams is each offence and nothing else, and is read to its end."""

UPGRADE = (
    b"GET /chat?user_id=%s&room=fuzz HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def stream(seed: int) -> tuple[bytes, bytes]:
    """Return what a peer sends: a handshake and frames, all of which may be damaged, or an offence."""
    chance = random.Random(seed)
    handshake = UPGRADE % f"fuzz{seed}".encode()
    if chance.random() < 0.2 and not offence(seed):
        handshake = damaged(handshake, chance)
    return handshake, OFFENCES.get(offence(seed)) or b"".join(frame(chance) for _ in range(chance.randint(0, 6)))


def offence(seed: int) -> int:
    """Return the close code that a stream has to end with; 0 is any, or none."""
    return dict(enumerate(OFFENCES)).get(seed % OFFENDERS, 0)


def frame(chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.3:
        return chance.randbytes(chance.randint(0, 40))
    payload = chance.randbytes(chance.choice([0, 1, 5, 125, 126, 127, 300, 70_000]))
    opcode = chance.choice(list(Opcode))
    valid = Frame(opcode, payload, fin=chance.random() < 0.8)
    reserved_bits = chance.choices([0, 0x40, 0x10], [17, 2, 1])[0]
    with contextlib.suppress(Exception):  # a control frame that is too long, for instance
        made = valid.serialize(mask=chance.random() < 0.9)
        made = bytes([made[0] | reserved_bits]) + made[1:]
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


async def send(server: ServerProcess, seed: int, at_once: asyncio.Semaphore) -> int | None:
    """Send one stream, read what the server says to it for a moment, and hang up in one of two ways.

    Return the code of the server's close frame, if there was one. Most peers wait for the answer to their handshake,
    some send everything at once.
    """
    host, port = server.url.removeprefix("http://").split(":")
    async with at_once:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(host, int(port))
            handshake, frames = stream(seed)
            writer.write(handshake)
            received = b""
            if (seed % 4 or offence(seed)) and handshake.endswith(b"\r\n\r\n"):
                with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError):
                    async with asyncio.timeout(TIMEOUT_S if offence(seed) else ANSWER_LIMIT_S):
                        received = await reader.readuntil(b"\r\n\r\n")
            writer.write(frames)
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(TIMEOUT_S if offence(seed) else READ_S):
                    while piece := await reader.read(65_536):
                        received += piece
            if seed % 2:
                writer.transport.abort()
            else:
                writer.close()
            if received.startswith(b"HTTP/1.1 101"):
                return close_code(received.partition(b"\r\n\r\n")[2])
    return None


def close_code(frames: bytes) -> int | None:
    """Return the code of the first close frame among frames, if there is one."""
    while len(frames) >= 2:
        start = {126: 4, 127: 10}.get(frames[1], 2)
        length = int.from_bytes(frames[2:start]) if start > 2 else frames[1]
        if frames[0] & 0x0F == Opcode.CLOSE:
            return int.from_bytes(frames[start : start + 2]) if length else None
        frames = frames[start + length :]
    return None


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
            ends = Counter((offence(first + number), code) for number, code in enumerate(await sending))
            await wait_until(lambda: server.clients("fuzz") == [])
            await wait_until(lambda: server.stats()["tasks"] <= before["tasks"])
            await wait_until(lambda: process.num_fds() <= descriptors)
            after = await asyncio.to_thread(server.stats)
        assert after["members"] == 2
        assert after["rss_bytes"] - before["rss_bytes"] < MAX_GROWTH_BYTES
        assert said > 0
        expected = {(code, code): STREAMS // OFFENDERS for code in OFFENCES}
        assert {end: count for end, count in ends.items() if end[0]} == expected
        assert server.stop() == 0
        lines = server.stderr().splitlines()
    assert len(lines) <= 2 * LINES, "of two kinds of bad requests"
