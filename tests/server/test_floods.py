"""Members who send more than anybody can take: they are slowed, and nobody else pays for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import zlib
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from server.reading import CONTROL_FRAMES_A_SECOND
from server.strategies import STRATEGIES
from server.testing.chat_user import TIMEOUT_S, User, join, join_all, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess

READERS = 10
CLOSE_WITH_CODE = bytes([0x88, 2])


def frames(opcode: Opcode, payload: bytes, count: int, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True) * count


def close_code_after(server: ServerProcess, data: bytes) -> int:
    """Send raw frames as a member, read to the end, and return the code of the server's close frame."""
    with join_and_never_read(server.chat_url("flooder")) as peer:
        peer.settimeout(TIMEOUT_S)
        with contextlib.suppress(ConnectionError):  # the server may have closed already
            peer.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := peer.recv(65_536):
                received += piece
    assert received[-4:-2] == CLOSE_WITH_CODE, received[-16:]
    return int.from_bytes(received[-2:])


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("count", "size", "outbox_bytes"), [(40, 60_000, 1_048_576), (5_000, 10, 200_000)])
async def test_a_burst_waits_for_those_who_read_as_fast_as_they_can(
    start_server: Callable[..., ServerProcess], strategy: str, count: int, size: int, outbox_bytes: int
) -> None:
    server = start_server("--strategy", strategy, "--outbox-bytes", str(outbox_bytes))
    texts = [f"{number:06}" + "x" * (size - 6) for number in range(count)]
    async with (
        join_all(server, "lobby", [f"reader{n}" for n in range(READERS)]) as readers,
        join(server.chat_url("flooder")) as flooder,
    ):
        heard = asyncio.gather(*(hear_said(reader, count) for reader in (*readers, flooder)))
        for text in texts:
            await flooder.say(text)
        assert await heard == [texts] * (READERS + 1)
    assert (await asyncio.to_thread(server.stats))["kicked"] == 0


async def hear_said(user: User, count: int) -> list[str]:
    return [message.text for message in await user.hear_said(count)]


@pytest.mark.long
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_server_answers_others_while_one_member_floods(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    server = start_server("--strategy", strategy)
    count = 37_000
    host, port = server.url.removeprefix("http://").split(":")
    async with (
        join_all(server, "lobby", [f"reader{n}" for n in range(READERS)]),
        join(server.chat_url("flooder")) as flooder,
    ):
        with socket.create_connection((host, int(port)), TIMEOUT_S) as asking:
            flooder.connection.transport.write(frames(Opcode.TEXT, b"x", count))
            asking.sendall(b"GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await asyncio.to_thread(read_all, asking)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["messages_in"] < count, "the flood was still going on"


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while piece := sock.recv(65_536):
        received += piece
    return received


@pytest.mark.long
@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
async def test_too_many_control_frames_end_the_connection(
    start_server: Callable[..., ServerProcess], opcode: Opcode
) -> None:
    server = start_server()
    assert await asyncio.to_thread(close_code_after, server, frames(opcode, b"", 100_000)) == 1008
    assert server.clients() == []


async def test_a_few_control_frames_are_answered(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    async with join(server.chat_url("alice")) as alice, asyncio.timeout(TIMEOUT_S):
        for _ in range(CONTROL_FRAMES_A_SECOND // 2):
            await (await alice.connection.ping())


async def test_empty_fragments_count_towards_the_size_of_a_message(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    endless = frames(Opcode.TEXT, b"", 1, fin=False) + frames(Opcode.CONT, b"", 100_000, fin=False)
    assert await asyncio.to_thread(close_code_after, server, endless) == 1009


async def test_a_message_in_small_fragments_passes(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    async with join(server.chat_url("alice")) as alice:
        await alice.connection.send(["ab"] * 500)
        assert (await alice.hear_said(1))[0].text == "ab" * 500


async def test_compressed_messages_are_not_unpacked_faster_than_they_are_taken(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server("--compression", "--slow-after", "1000", "--strategy", "direct")
    before = server.stats()["rss_bytes"]
    packer = zlib.compressobj(wbits=-12)
    packed = (packer.compress(b"x" * 65_536) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    no_mask = bytes(4)
    bomb = (bytes([0xC1, 0x80 | len(packed)]) + no_mask + packed) * 2_000
    sockets = [upgraded_with_compression(server, f"packer{n}") for n in range(5)]
    try:
        for sock in sockets:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(bomb)
        grown = [(await asyncio.to_thread(server.stats))["rss_bytes"] - before for _ in range(5)]
    finally:
        for sock in sockets:
            sock.close()
    assert max(grown) < 150 * 2**20


def upgraded_with_compression(server: ServerProcess, name: str) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), TIMEOUT_S)
    sock.sendall(
        f"GET /chat?user_id={name} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n".encode()
    )
    answer = sock.recv(4_096)
    assert b"permessage-deflate" in answer, answer
    return sock


@pytest.mark.parametrize(("flag", "value"), [("--max-messages-per-second", "20"), ("--max-bytes-per-second", "2000")])
async def test_a_member_over_its_rate_is_slowed_and_then_closed(
    start_server: Callable[..., ServerProcess], flag: str, value: str
) -> None:
    server = start_server(flag, value, "--slow-after", "1")
    async with join(server.chat_url("bob")) as bob, join(server.chat_url("alice")) as alice:
        for _ in range(20):  # a second's worth passes at once
            await alice.say("x" * 100)
        assert len(await bob.hear_said(20)) == 20
        with contextlib.suppress(ConnectionClosed):
            for _ in range(200):
                await alice.say("x" * 100)
        assert await alice.close_code() == 1008
        await bob.hear_notice("alice left")
        assert server.stats()["messages_in"] < 200
        await bob.say("still here")
        assert (await bob.hear_said(1))[0].text == "still here"


async def test_a_member_that_does_not_read_holds_up_a_flood_until_it_is_kicked(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server("--slow-after", "2")
    async with join(server.chat_url("alice")) as alice:
        with join_and_never_read(server.chat_url("stalled")):
            for _ in range(60):
                await alice.say("x" * 60_000)
            await alice.hear_said(60)
            await wait_until(lambda: server.clients() == ["alice"])
    assert server.stats()["kicked"] == 1
