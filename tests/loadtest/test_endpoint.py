"""Which paths, headers and sub-protocols a server can be joined with."""

from __future__ import annotations

import pytest

from loadtest.client import endpoint
from loadtest.errors import OptionError


@pytest.mark.parametrize("path", ["/chat?user_id={user}", "/{user}/", "/a%20b/{user}?ids[]=1&t='x'", "/"])
def test_a_path_that_can_be_asked_for_is_taken_as_it_is(path: str) -> None:
    assert endpoint.url_path(path) == path


@pytest.mark.parametrize("path", ["", "chat/{user}", "/a b/{user}", "/{user}#", "/{user}\r\nX: y", "/\u00fc/{user}"])
def test_a_path_that_cannot_be_asked_for_is_refused(path: str) -> None:
    with pytest.raises(OptionError, match="--url-path must begin with '/'"):
        endpoint.url_path(path)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Authorization: Bearer abc", "Authorization", "Bearer abc"),
        ("Origin:https://chat.example.org", "Origin", "https://chat.example.org"),
        ("X-Host: a:b", "X-Host", "a:b"),
        ("X-Empty:", "X-Empty", ""),
    ],
)
def test_a_header_has_a_name_and_a_value(text: str, name: str, value: str) -> None:
    assert endpoint.header(text) == (name, value)


@pytest.mark.parametrize("text", ["no colon", ": value", "a b: c", "X: a\r\nY: b", "X: \x1b[31m"])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="is no header; write as in"):
        endpoint.header(text)


@pytest.mark.parametrize(
    "name",
    ["Host", "host", "Connection", "UPGRADE", "Sec-WebSocket-Key", "sec-websocket-protocol", "Content-Length"],
)
def test_a_header_of_the_handshake_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"the header '{name}' is set by the handshake"):
        endpoint.header(f"{name}: x")


@pytest.mark.parametrize("name", ["a b", "a,b", "a\n", "\u00fc", '"a"'])
def test_a_sub_protocol_is_one_name(name: str) -> None:
    assert endpoint.subprotocol("chat.v2") == "chat.v2"
    assert endpoint.subprotocol("") == ""
    with pytest.raises(OptionError, match="is no sub-protocol; give one name"):
        endpoint.subprotocol(name)


@pytest.mark.parametrize(
    ("path", "headers"), [("/{user}?t={token}", []), ("/ws", ["X-User: it is {user}"]), ("/everybody-is-anonymous", [])]
)
def test_a_name_may_be_in_the_path_or_in_a_header(path: str, headers: list[str]) -> None:
    endpoint.check_places(path, headers)


@pytest.mark.parametrize(("path", "headers"), [("/{users}", []), ("/ws", ["Authorization: Bearer {jwt}"])])
def test_places_for_anything_else_are_refused(path: str, headers: list[str]) -> None:
    with pytest.raises(OptionError, match=r"unknown place \{(users|jwt)\}"):
        endpoint.check_places(path, headers)
