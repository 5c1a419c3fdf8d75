"""The exchange in which a connection becomes a member: what went wrong is told with what was sent and received."""

from __future__ import annotations

import json

import pytest

from loadtest.client.joining import join
from loadtest.errors import ConnectError
from loadtest.protocols.driver import Identity
from loadtest.protocols.templates import Description, Step, Templates

ANA = Identity("ana", "secret")
GREETED = Templates(
    Description(
        join=(
            Step(awaited="hello"),
            Step(send='{"join": "{user}", "token": "{token}"}', awaited="joined", refused="refused"),
        )
    )
)


def exchanged(answers: list[bytes]) -> list[bytes]:
    """Join a server that has these answers and no more; return what was sent."""
    sent: list[bytes] = []
    left = iter(answers)

    def receive() -> bytes:
        for answer in left:
            return answer
        raise ConnectError("join took too long")

    join(GREETED, ANA, sent.append, receive)
    return sent


def test_what_is_awaited_may_come_after_other_messages() -> None:
    assert exchanged([b"motd", b"hello", b"2 here", b"joined"]) == [b'{"join": "ana", "token": "secret"}']


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([], "join took too long"),
        ([b"motd"], "join took too long; last received: motd"),
        (
            [b"hello"],
            'join took too long; last sent: {"join": "ana", "token": "{token}"}; last received: hello',
        ),
        (
            [b"hello", b"refused: full"],
            "joining, a message with 'joined' was awaited, and something else came; is the protocol the right one?; "
            'last sent: {"join": "ana", "token": "{token}"}; last received: refused: full',
        ),
    ],
)
def test_what_went_wrong_is_told_with_what_was_exchanged(answers: list[bytes], told: str) -> None:
    with pytest.raises(ConnectError) as failed:
        exchanged(answers)
    assert str(failed.value) == told


@pytest.mark.parametrize("token", ["x" * 300, 'with "quotes" and \\', "two  spaces"])
@pytest.mark.parametrize("answer", ["bad token", "refused"])
def test_a_token_is_shown_neither_sent_nor_echoed(token: str, answer: str) -> None:
    said = Step(send='{"token": "{token}"}', awaited="joined", refused="refused")
    identity = Identity("ana", json.dumps(token)[1:-1])
    answers = iter([f"{answer} {identity.token}".encode()])

    def receive() -> bytes:
        for message in answers:
            return message
        raise ConnectError("join took too long")

    with pytest.raises(ConnectError) as failed:
        join(Templates(Description(join=(said,))), identity, lambda _: None, receive)
    told = str(failed.value)
    assert told.endswith(f'; last sent: {{"token": "{{token}}"}}; last received: {answer} {{token}}')
