"""Which frames a client may send, and how the server answers others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from server.strategies import STRATEGIES
from server.testing.chat_user import CLOSE_FRAME, TIMEOUT_S, User, join, join_and_never_read, wait_until
from server.testing.server_process import ServerProcess

BROKEN_TEXT_FRAME = bytes([0x81, 0x81, 0, 0, 0, 0, 0xFF])
PING_FRAME = bytes([0x89, 0x80, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("--max-message-bytes", "1000") as server:
        yield server
        assert server.stderr() == ""


async def test_largest_message_passes(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "largest_message_passes")) as alice:
        await alice.say("x" * 1_000)
        assert (await alice.hear_said(1))[0].text == "x" * 1_000


@pytest.mark.parametrize("size", [1_001, 100_000])
async def test_larger_message_ends_the_connection(server: ServerProcess, size: int) -> None:
    async with join(server.chat_url("bob", "large")) as bob, join(server.chat_url("alice", "large")) as alice:
        await alice.say("x" * size)
        assert await alice.close_code() == 1009
        await bob.hear_notice("alice left")


def test_close_code_arrives_although_the_message_is_still_being_sent(server: ServerProcess) -> None:
    more_than_socket_buffers_hold = "x" * 20_000_000
    with connect(
        server.chat_url("alice", "close_code"),
        compression=None,
        proxy=None,
    ) as alice:
        alice.send(more_than_socket_buffers_hold)
        with pytest.raises(ConnectionClosed) as closed:
            exhaust(alice)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def exhaust(connection: ClientConnection) -> None:
    while True:
        connection.recv(timeout=TIMEOUT_S)


async def test_size_is_counted_in_bytes(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "size_is_counted_in_bytes")) as alice:
        await alice.say("\u00e9" * 501)
        assert await alice.close_code() == 1009


async def test_message_in_several_frames(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "message_in_several_frames")) as alice:
        await alice.connection.send(["one ", "two ", "three"])
        assert (await alice.hear_said(1))[0].text == "one two three"


async def test_empty_text_is_passed_on(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "empty_text_is_passed_on")) as alice:
        await alice.say("")
        assert (await alice.hear_said(1))[0].text == ""


async def test_binary_frame_ends_the_connection(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "binary_frame_ends_the_connection")) as alice:
        await alice.connection.send(b"bytes")
        assert await alice.close_code() == 1003
    await wait_until(lambda: server.clients() == [])


async def test_text_that_is_not_utf8_ends_the_connection(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "text_that_is_not_utf8_ends_the_connection")) as alice:
        await alice.connection.send(b"\xff", text=True)
        assert await alice.close_code() == 1007


@pytest.mark.parametrize("following", [PING_FRAME, CLOSE_FRAME], ids=["ping", "close"])
def test_frames_after_broken_text_are_ignored_silently(server: ServerProcess, following: bytes) -> None:
    with join_and_never_read(server.chat_url("alice", "broken")) as alice:
        alice.sendall(BROKEN_TEXT_FRAME + following)
        while alice.recv(65_536):
            pass


def extensions(user: User) -> str | None:
    assert user.connection.response is not None
    return user.connection.response.headers.get("Sec-WebSocket-Extensions")


async def test_compression_is_not_offered_by_default(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "compression_is_not_offered_by_default"), compression="deflate") as alice:
        assert extensions(alice) is None
        await alice.say("plain")
        assert (await alice.hear_said(1))[0].text == "plain"


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_compression(start_server: Callable[..., ServerProcess], strategy: str) -> None:
    """A strategy may compress its frames or not: both are legal on such a connection."""
    server = start_server("--compression", "--strategy", strategy)
    async with (
        join(server.chat_url("alice"), compression="deflate") as alice,
        join(server.chat_url("bob")) as bob,
    ):
        negotiated = extensions(alice)
        assert negotiated is not None
        assert negotiated.startswith("permessage-deflate")
        assert extensions(bob) is None
        for user in (alice, bob):
            await user.say("x" * 10_000)
        for user in (alice, bob):
            assert [message.text for message in await user.hear_said(2)] == ["x" * 10_000] * 2
