"""What users read when a server refuses them: its words, without what a terminal would act upon, and what to do."""

from __future__ import annotations

import gevent
import pytest
from websockets.http11 import Response

from loadtest.client.endpoint import Endpoint
from loadtest.client.printable import MAX_CHARACTERS, printable
from loadtest.client.target import resolve
from loadtest.client.websocket import WebSocket
from loadtest.errors import ConnectError
from tests.loadtest.rude_server import LIMIT_S, response, rude_server


def refusal_by(answer: Response) -> str:
    with rude_server(refusal=answer) as host, gevent.Timeout(LIMIT_S), pytest.raises(ConnectError) as refused:
        WebSocket(resolve(host, Endpoint("/room/{user}")), "u").connect(LIMIT_S)
    return str(refused.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_says_where_to(status: int) -> None:
    said = refusal_by(response(status, "Moved", Location="https://chat.example.org/ws"))
    assert said.endswith("to https://chat.example.org/ws; give that address with --host/--url-path")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (response(404, "Not Found"), "give the path of its chat room"),
        (response(302, "Found"), "see what it asks for"),
        (response(418, "I'm a teapot"), "see what it asks for"),
        (response(500, "Internal Server Error"), "see what it asks for"),
    ],
)
def test_every_refusal_has_a_hint(answer: Response, hint: str) -> None:
    said = refusal_by(answer)
    assert f"{answer.status_code} {answer.reason_phrase}; {hint}" in said


def test_what_a_terminal_would_act_upon_is_not_shown() -> None:
    body = b"\x1b]0;title\x07\x1b[31mred\r\n second\xc2\x9b31m\xe2\x80\xae line" + b"x" * 1000
    said = refusal_by(response(403, "Forbidden\u009b2J", body))
    assert said.isprintable()
    assert "red second" in said
    assert "Forbidden" in said
    assert body.decode()[-MAX_CHARACTERS:] not in said


def test_a_short_text_is_shown_as_it_is() -> None:
    assert printable(" Gr\u00fc\u00dfe,\n\u4f60\u597d ") == "Gr\u00fc\u00dfe, \u4f60\u597d"


@pytest.mark.parametrize(
    "answer",
    [
        response(401, "Unauthorized", b"bad token s3cret/to+ken, and no key-of-the-api"),
        response(302, "Found", Location="https://chat.example.org/login?token=s3cret%2Fto%2Bken"),
        response(418, "s3cret/to+ken"),
    ],
)
def test_neither_a_token_nor_a_header_is_shown(answer: Response) -> None:
    endpoint = Endpoint(
        "/room/{user}?token={token}",
        headers=(("Authorization", "Bearer {token}"), ("X-Key", "key-of-the-api")),
        tokens=("s3cret/to+ken",),
    )
    with rude_server(refusal=answer) as host, gevent.Timeout(LIMIT_S), pytest.raises(ConnectError) as refused:
        WebSocket(resolve(host, endpoint), "u").connect(LIMIT_S)
    said = str(refused.value)
    assert "/room/u?token={token}" in said
    assert "s3cret" not in said
    assert "key-of-the-api" not in said
