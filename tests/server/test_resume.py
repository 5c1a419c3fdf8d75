"""Members that come back: what they missed, what is not kept any more, and rooms that everybody had left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from server.errors import RefusedError
from server.history import BEGINNING, MAX_BYTES, History, Position, read_position
from server.message import Broadcast, Message
from server.rooms import KEPT_BYTES, Rooms
from server.settings import Settings
from server.telemetry import Counters
from server.testing.chat_user import User, join, wait_until
from server.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("--history", "5", "--notice-limit", "0") as server:
        yield server
        assert server.stderr() == ""


async def welcomed(user: User) -> str:
    """Return the position that a welcome tells."""
    message = await user.hear_any()
    assert message.keys() == {"event", "epoch", "offset"}
    assert message["event"] == "welcome"
    return f"{message['epoch']}:{message['offset']}"


async def talk(user: User, *texts: str) -> list[dict[str, Any]]:
    """Say texts, and return them as they come back."""
    for text in texts:
        await user.say(text)
    return [await user.hear_any() for _ in texts]


# Positions and histories


@pytest.mark.parametrize(
    ("since", "position"),
    [
        (None, None),
        ("", BEGINNING),
        ("0123456789abcdef:0", Position("0123456789abcdef", 0)),
        ("0123456789abcdef:17", Position("0123456789abcdef", 17)),
    ],
)
def test_a_position_is_read(since: str | None, position: Position | None) -> None:
    assert read_position(since) == position


@pytest.mark.parametrize("since", ["7", "x:7", "0123456789abcdef", "0123456789abcdef:-1", "0123456789abcdef:1e3", ":1"])
def test_a_wrong_position_is_refused(since: str) -> None:
    with pytest.raises(RefusedError, match="EPOCH:OFFSET") as refused:
        read_position(since)
    assert refused.value.status == 400


@given(st.integers(0, 5), st.lists(st.integers(0, 400_000), max_size=20), st.integers(0, 20))
def test_a_history_says_what_is_missing_and_keeps_the_rest(limit: int, sizes: list[int], read: int) -> None:
    history = History(limit)
    messages = [history.add(Broadcast(b"{" + b"x" * size + b"}", "user")) for size in sizes]
    missed, kept = history.after(min(read, len(sizes)))
    assert missed + len(kept) == len(sizes) - min(read, len(sizes))
    assert kept == messages[len(messages) - len(kept) :]
    assert [message.payload.endswith(b',"offset":%d}' % n) for n, message in enumerate(messages, 1)] == [True] * len(
        sizes
    )
    _, everything = history.after(0)
    assert len(everything) <= limit
    assert sum(len(message.payload) for message in everything) == history.size_bytes <= MAX_BYTES
    if len(everything) < min(limit, len(sizes)):
        assert history.size_bytes + len(messages[-len(everything) - 1].payload) > MAX_BYTES


def test_a_number_is_a_part_of_the_message() -> None:
    text = 'hello ,"offset":9}'
    numbered = History(1).add(Message.said("alice", text).encode())
    assert numbered.payload.endswith(b',"event":"user","offset":1}')
    decoded = msgspec.json.decode(numbered.payload, type=Message)
    assert (decoded.text, decoded.offset) == (text, 1)


# Coming back


async def test_who_does_not_ask_is_not_told_where_the_room_is(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "unasked")) as alice:
        (message,) = await talk(alice, "hello")
    assert message.keys() == {"sender", "text", "ctime", "event", "offset"}
    assert (message["text"], message["offset"]) == ("hello", 1)


async def test_who_comes_back_gets_what_it_missed_and_then_the_present(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "back")) as alice:
        async with join(server.chat_url("bob", "back", "")) as bob:
            since = await welcomed(bob)
            assert since.endswith(":0")
            await talk(alice, "one")
            assert (await bob.hear_any())["text"] == "one"
        await talk(alice, "two", "three")
        await wait_until(lambda: server.clients("back") == ["alice"])
        replayed = server.stats()["replayed"]
        async with join(server.chat_url("bob", "back", since.replace(":0", ":1"))) as bob:
            assert (await welcomed(bob)).endswith(":3")
            await talk(alice, "four")
            assert [(await bob.hear_any())["text"] for _ in range(3)] == ["two", "three", "four"]
        assert server.stats()["replayed"] == replayed + 2


async def test_who_has_everything_is_sent_nothing_twice(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "complete")) as alice:
        await talk(alice, "one")
        async with join(server.chat_url("bob", "complete", "")) as bob:
            since = await welcomed(bob)
        await wait_until(lambda: server.clients("complete") == ["alice"])
        async with join(server.chat_url("bob", "complete", since)) as bob:
            assert await welcomed(bob) == since
            await talk(alice, "two")
            assert (await bob.hear_any())["text"] == "two"


async def test_what_is_not_kept_is_told_with_how_much_it_is(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "gap")) as alice:
        async with join(server.chat_url("bob", "gap", "")) as bob:
            since = await welcomed(bob)
        await talk(alice, *(str(n) for n in range(1, 13)))
        await wait_until(lambda: server.clients("gap") == ["alice"])
        gaps = server.stats()["gaps"]
        async with join(server.chat_url("bob", "gap", since)) as bob:
            await welcomed(bob)
            gap = await bob.hear_any()
            assert (gap["event"], gap["missed"], gap["exact"], gap["offset"]) == ("gap", 7, True, 12)
            assert [(await bob.hear_any())["text"] for _ in range(5)] == ["8", "9", "10", "11", "12"]
        assert server.stats()["gaps"] == gaps + 1


@pytest.mark.parametrize("kept", [3, 8])
async def test_of_another_epoch_nothing_is_known_and_what_is_kept_follows(server: ServerProcess, kept: int) -> None:
    room = f"epoch{kept}"
    async with join(server.chat_url("alice", room)) as alice:
        await talk(alice, *(str(n) for n in range(1, kept + 1)))
        async with join(server.chat_url("bob", room, "0123456789abcdef:2")) as bob:
            assert (await welcomed(bob)).endswith(f":{kept}")
            gap = await bob.hear_any()
            assert (gap["event"], gap["missed"], gap["exact"]) == ("gap", max(0, kept - 5), False)
            heard = [(await bob.hear_any())["text"] for _ in range(min(kept, 5))]
            assert heard == [str(n) for n in range(1, kept + 1)][-5:]


async def test_a_number_that_the_room_has_not_reached_is_of_another_epoch(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "ahead", "")) as alice:
        epoch, _ = (await welcomed(alice)).split(":")
        async with join(server.chat_url("bob", "ahead", f"{epoch}:9")) as bob:
            await welcomed(bob)
            gap = await bob.hear_any()
            assert (gap["event"], gap["missed"], gap["exact"]) == ("gap", 0, False)


async def test_a_bad_position_is_refused_with_what_is_allowed(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with join(server.chat_url("alice", "bad", "yesterday")):
            pass
    assert refused.value.response.status_code == 400
    assert b"bad since 'yesterday'; give EPOCH:OFFSET" in bytes(refused.value.response.body)
    assert server.clients("bad") == []


async def test_a_room_that_everybody_left_is_kept_for_who_comes_back(server: ServerProcess) -> None:
    async with join(server.chat_url("alice", "empty", "")) as alice:
        since = await welcomed(alice)
        await talk(alice, "one", "two")
    await wait_until(lambda: server.clients("empty") == [])
    async with join(server.chat_url("alice", "empty", since.replace(":0", ":1"))) as alice:
        assert (await welcomed(alice)).endswith(":2")
        assert (await alice.hear_any())["text"] == "two"


async def test_without_a_history_all_that_was_missed_is_told(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--history", "0", "--notice-limit", "0")
    async with join(server.chat_url("alice")) as alice:
        async with join(server.chat_url("bob", since="")) as bob:
            since = await welcomed(bob)
        await talk(alice, "one", "two")
        await wait_until(lambda: server.clients() == ["alice"])
        async with join(server.chat_url("bob", since=since)) as bob:
            await welcomed(bob)
            gap = await bob.hear_any()
            assert (gap["missed"], gap["exact"]) == (2, True)


async def test_notices_have_numbers_and_are_repeated(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    async with join(server.chat_url("alice", since="")) as alice:
        since = await welcomed(alice)
        assert (await alice.hear_any())["text"] == "alice joined"
    await wait_until(lambda: server.clients() == [])
    async with join(server.chat_url("alice", since=since)) as alice:
        await welcomed(alice)
        heard = [await alice.hear_any() for _ in range(3)]
    assert [(message["offset"], message["text"]) for message in heard] == [
        (1, "alice joined"),
        (2, "alice left"),
        (3, "alice joined"),
    ]


@pytest.mark.parametrize("strategy", ["direct", "gather", "queue", "coalesced"])
async def test_who_comes_back_to_a_busy_room_misses_nothing(
    start_server: Callable[..., ServerProcess], strategy: str
) -> None:
    """While it is sent what it missed, others go on; each of its messages comes once, whoever said it."""
    server = start_server("--strategy", strategy, "--notice-limit", "0", "--history", "10000")
    is_over = asyncio.Event()

    async def speak(name: str) -> int:
        async with join(server.chat_url(name)) as user:
            said = 0
            while not is_over.is_set():
                await user.say(f"{name} {said}")
                said += 1
                await asyncio.sleep(0.001)
            return said

    speaking = [asyncio.create_task(speak(f"speaker{n}")) for n in range(4)]
    await wait_until(lambda: server.stats()["messages_in"] > 100)
    seen: list[int] = []
    since = ""
    for _ in range(15):
        await wait_until(lambda: "bob" not in server.clients())
        async with join(server.chat_url("bob", since=since)) as bob:
            epoch, offset = (await welcomed(bob)).split(":")
            seen = seen or [int(offset)]
            for _ in range(40):
                seen.append((await bob.hear_any())["offset"])
            bob.reset()
        since = f"{epoch}:{seen[-1]}"
        await asyncio.sleep(0.02)
    is_over.set()
    await asyncio.gather(*speaking)
    assert seen == list(range(seen[0], seen[0] + 1 + 15 * 40))


# What is kept of closed rooms


def closed_rooms(max_rooms: int, payload: bytes, names: list[str]) -> Rooms:
    """Open and close rooms in which one thing was said."""
    rooms = Rooms(Settings(max_rooms=max_rooms, strategy="direct"), Counters())
    for name in names:
        rooms.reserve(name, "alice")
        room = rooms._rooms[name]
        room.history.add(Broadcast(payload, "user"))
        room.names.clear()
        rooms._close(name)
    return rooms


async def test_histories_of_closed_rooms_are_bounded_in_number_and_bytes() -> None:
    names = [f"room{n}" for n in range(10)]
    assert list(closed_rooms(4, b"{}", names)._closed) == names[-4:]
    large = b"{" + b"x" * (KEPT_BYTES // 64 // 4) + b"}"
    names = [f"room{n}" for n in range(300)]
    rooms = closed_rooms(1000, large, names)
    assert 250 < len(rooms._closed) < 257
    assert rooms._closed_bytes <= KEPT_BYTES
    assert rooms._closed_bytes == sum(history.size_bytes for _, history in rooms._closed.values())


async def test_a_room_that_opens_again_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = closed_rooms(4, b"{}", ["kitchen", "garden"])
    epoch = rooms._closed["kitchen"][1].epoch
    rooms.reserve("kitchen", "alice")
    assert (rooms._rooms["kitchen"].history.epoch, rooms._rooms["kitchen"].history.offset) == (epoch, 1)
    assert list(rooms._closed) == ["garden"]
    monkeypatch.setattr("server.rooms.KEPT_S", -1.0)
    rooms.reserve("garden", "alice")
    assert rooms._rooms["garden"].history.offset == 0, "it was kept for too long"
