"""Which hosts and origins are let in, and which names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from server.testing.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("--allowed-host", "chat.example.org", "--allowed-origin", "https://app.example.org") as server:
        yield server
        assert server.stderr() == ""


def status_of_join(server: ServerProcess, **headers: str) -> int:
    """Join with headers; return the status of the answer."""
    try:
        with connect(server.chat_url("alice"), proxy=None, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def with_host(server: ServerProcess, host: str, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers={"Host": host, **headers}, trust_env=False)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("{own}", True),
        ("https://app.example.org", True),
        ("http://app.example.org", False),
        ("http://evil.example", False),
        ("http://127.0.0.1:1", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_pages_of_other_origins_may_not_join(server: ServerProcess, origin: str, is_allowed: bool) -> None:
    assert status_of_join(server, Origin=origin.format(own=server.url)) == (101 if is_allowed else 403)


def test_clients_without_an_origin_may_join(server: ServerProcess) -> None:
    assert status_of_join(server) == 101


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("127.0.0.1:80", True),
        ("[::1]:8000", True),
        ("localhost", True),
        ("chat.example.org", True),
        ("CHAT.example.org:443", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[", False),
    ],
)
def test_foreign_host_names_are_refused(server: ServerProcess, host: str, is_allowed: bool) -> None:
    response = with_host(server, host, "/clients")
    assert response.status_code == (200 if is_allowed else 400)
    if not is_allowed:
        assert "--allowed-host" in response.json()["detail"]
        refused = with_host(server, host, "/chat?user_id=alice", **UPGRADE)
        assert refused.status_code == 400
        assert "--allowed-host" in refused.json()["detail"]


def test_behind_a_proxy_the_public_name_is_the_same_origin(server: ServerProcess) -> None:
    with connect(
        "ws://chat.example.org/chat?user_id=alice",
        proxy=None,
        additional_headers={"Origin": "https://chat.example.org"},
        sock=socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))),
    ) as alice:
        alice.ping().wait(20)


def test_any_can_be_allowed(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server("--allowed-host", "*", "--allowed-origin", "*")
    assert status_of_join(server, Origin="null") == 101
    assert with_host(server, "anything.example", "/clients").status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/stats", "/metrics", "/clients", "/static/chat.js"])
def test_what_can_be_read_has_a_head(server: ServerProcess, method: str, path: str) -> None:
    response = httpx.request(method, f"{server.url}{path}", trust_env=False)
    assert response.status_code == 200
    assert bool(response.content) == (method == "GET")


def test_a_bad_accept_header_gets_the_metrics(server: ServerProcess) -> None:
    accept = "application/openmetrics-text; version=abc"
    assert httpx.get(f"{server.url}/metrics", headers={"Accept": accept}, trust_env=False).status_code == 200


def test_other_files_are_not_found(server: ServerProcess) -> None:
    assert httpx.get(f"{server.url}/static/nothing.js", trust_env=False).status_code == 404
