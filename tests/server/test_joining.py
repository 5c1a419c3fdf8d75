"""Who may join, and the notices about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from websockets.exceptions import InvalidStatus

from server.testing.chat_user import join, wait_until
from server.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server
        assert server.stderr() == ""


LOOKALIKES = ["\u3164", "\u2800", "bob\u17b4", "bob\ufe0f", "bob\U000e0100", "\uff20system", "\ufe6bsystem"]
UNASSIGNED, PRIVATE, COMBINING = "bob\u0378", "bob\ue000", "\u0301bob"


async def denial(url: str) -> tuple[int, str]:
    """Return status and body of a refused join."""
    with pytest.raises(InvalidStatus) as refused:
        async with join(url):
            pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, bytes(response.body).decode()


@pytest.mark.parametrize("name", [None, ""])
async def test_missing_name(server: ServerProcess, name: str | None) -> None:
    assert await denial(server.chat_url(name)) == (
        400,
        '{"detail":"missing name; join with /chat?user_id=NAME&room=ROOM"}',
    )


@pytest.mark.parametrize(
    "name",
    [
        "x" * 65,
        " \t ",
        "\u3000",
        "bob\x00",
        "bob\n",
        "bob\x85",
        "@system",
        "@",
        *LOOKALIKES,
        UNASSIGNED,
        PRIVATE,
        COMBINING,
    ],
)
async def test_bad_name(server: ServerProcess, name: str) -> None:
    status, body = await denial(server.chat_url(name))
    assert status == 400
    assert body.startswith('{"detail":"bad name \'')
    assert body.endswith(
        "; choose 1 to 64 characters, none of them invisible, no blank at either end, and neither '@' nor a combining "
        'mark at the start"}'
    )


@pytest.mark.parametrize("room", ["", "@room", "x" * 65])
async def test_bad_room(server: ServerProcess, room: str) -> None:
    status, body = await denial(server.chat_url("bob", room))
    assert status == 400
    assert " room" in body


@pytest.mark.parametrize("name", ["x" * 64, "J\u00f6rg & S\u00f6hne #1", "a@b", "\U0001f600"])
async def test_good_name(server: ServerProcess, name: str) -> None:
    async with join(server.chat_url(name)) as user:
        assert (await user.hear()).text == f"{name} joined"
        await wait_until(lambda: server.clients() == [name])
    await wait_until(lambda: server.clients() == [])


async def test_name_is_taken_until_its_user_leaves(server: ServerProcess) -> None:
    async with join(server.chat_url("bob")):
        assert await denial(server.chat_url("bob")) == (
            409,
            "{\"detail\":\"name 'bob' is taken in room 'lobby'; choose another name\"}",
        )
    await wait_until(lambda: server.clients() == [])
    async with join(server.chat_url("bob")) as bob:
        assert (await bob.hear()).text == "bob joined"


@pytest.mark.parametrize(
    ("name", "variant"),
    [("J\u00f6rg", "Jo\u0308rg"), ("big bob", "big\u00a0bob"), ("big bob", "big  bob"), ("bob", "\uff42ob")],
    ids=["decomposed", "no-break", "blanks", "width"],
)
async def test_another_spelling_of_a_taken_name_is_taken(server: ServerProcess, name: str, variant: str) -> None:
    async with join(server.chat_url(name, "spelling")):
        assert (await denial(server.chat_url(variant, "spelling")))[0] == 409
    await wait_until(lambda: server.clients() == [])
    async with join(server.chat_url(variant, "spelling")) as user:
        assert (await user.hear()).text == f"{variant} joined"
    await wait_until(lambda: server.clients() == [])


async def test_one_of_many_at_once_gets_the_name(server: ServerProcess) -> None:
    release = asyncio.Event()

    async def try_to_join() -> int:
        try:
            async with join(server.chat_url("bob", "crowd")):
                await release.wait()
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    trying = [asyncio.create_task(try_to_join()) for _ in range(20)]
    pending = set(trying)
    async with asyncio.timeout(20):
        while len(pending) > 1:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    assert sorted(await asyncio.gather(*trying)) == [101] + [409] * 19


async def test_full_room(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--max-members", "1")
    async with join(server.chat_url("alice")):
        assert await denial(server.chat_url("bob")) == (
            503,
            '{"detail":"room \'lobby\' is full with 1 members; choose another room"}',
        )
        async with join(server.chat_url("bob", "den")):
            pass
    await wait_until(lambda: server.clients() == [])
    async with join(server.chat_url("bob")) as bob:
        assert (await bob.hear()).text == "bob joined"


async def test_one_room_too_many(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--max-rooms", "2")
    async with join(server.chat_url("alice", "kitchen")), join(server.chat_url("bob", "garden")):
        status, body = await denial(server.chat_url("carol", "cellar"))
        assert status == 503
        assert "there are 2 rooms, and room 'cellar' would be one too many" in body
        assert server.stats()["rooms"] == 2
        async with join(server.chat_url("carol", "garden")):
            pass
    await wait_until(lambda: server.stats()["rooms"] == 0)
    async with join(server.chat_url("carol", "cellar")) as carol:
        assert (await carol.hear()).text == "carol joined"


async def test_rooms_do_not_hear_each_other(server: ServerProcess) -> None:
    async with (
        join(server.chat_url("alice", "kitchen")) as alice,
        join(server.chat_url("alice", "garden")) as other_alice,
        join(server.chat_url("bob", "garden")) as bob,
    ):
        await wait_until(lambda: sorted(server.clients()) == ["alice", "alice", "bob"])
        assert server.clients("kitchen") == ["alice"]
        assert server.clients("garden") == ["alice", "bob"]
        assert server.clients("cellar") == []
        await alice.say("in the kitchen")
        await bob.say("in the garden")
        heard = [[(await user.hear()).text for _ in range(count)] for user, count in ((alice, 2), (bob, 2))]
        assert heard == [["alice joined", "in the kitchen"], ["bob joined", "in the garden"]]
        assert [(await other_alice.hear()).text for _ in range(3)] == [
            "alice joined",
            "bob joined",
            "in the garden",
        ]


async def test_notice_limit(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--notice-limit", "2")
    async with join(server.chat_url("alice")) as alice:
        assert (await alice.hear()).text == "alice joined"
        async with join(server.chat_url("bob")) as bob:
            assert (await alice.hear()).text == "bob joined"
            assert (await bob.hear()).text == "bob joined"
            async with join(server.chat_url("carol")) as carol:
                await carol.say("hello")
                assert [(await user.hear()).text for user in (alice, bob, carol)] == ["hello"] * 3
                assert server.clients() == ["alice", "bob", "carol"]
            await wait_until(lambda: server.clients() == ["alice", "bob"])
        assert (await alice.hear()).text == "bob left"
        stats = server.stats()
    assert (stats["deliveries_out"], stats["notices_out"]) == (3, 4)
