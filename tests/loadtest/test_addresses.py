"""Which addresses of servers the swarm takes."""

from __future__ import annotations

import pytest

from loadtest.client.endpoint import Endpoint
from loadtest.client.target import resolve
from loadtest.errors import OptionError
from loadtest.protocols.driver import Identity


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("ws://127.0.0.1:8000", "ws://127.0.0.1:8000/room/u1"),
        ("http://127.0.0.1", "ws://127.0.0.1/room/u1"),
        ("https://[::1]:8443/", "wss://[::1]:8443/room/u1"),
        ("ws://127.0.0.1:8000/behind/a/proxy/", "ws://127.0.0.1:8000/behind/a/proxy/room/u1"),
    ],
)
def test_an_address_and_a_path_make_a_uri(host: str, uri: str) -> None:
    target = resolve(host, Endpoint("/room/{user}"))
    assert target.base + target.endpoint.url_path.replace("{user}", "u1") == uri
    assert target.uri(Identity("u1")).resource_name.endswith("/room/u1")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("ws://127.0.0.1:99999", "invalid --host 'ws://127.0.0.1:99999': Port out of range"),
        ("ws://127.0.0.1:-1", "invalid --host"),
        ("ws://127.0.0.1:0", "invalid --host"),
        ("ws://127.0.0.1:http", "invalid --host 'ws://127.0.0.1:http': Port could not be cast"),
        ("ws://[::1", "invalid --host 'ws://[::1': Invalid IPv6 URL"),
        ("[::1", "invalid --host '[::1'"),
        ("::1", "invalid --host '::1'"),
        ("ws://", "invalid --host 'ws://'"),
        ("ws://127.0.0.1:8000/chat?token=1", "leave out '?', '#'"),
        ("ws://127.0.0.1:8000#chat", "leave out '?', '#'"),
        ("ws://a..b:8000", "'ws://a..b:8000' cannot be resolved"),
        ("ws://\u00fc..b:8000", "cannot be resolved"),
        ("ws://127.0.0.1 :8000", "cannot be resolved"),
    ],
)
def test_what_is_no_address_is_refused(host: str, words: str) -> None:
    with pytest.raises(OptionError) as refused:
        resolve(host, Endpoint("/{user}"))
    assert words in str(refused.value)
