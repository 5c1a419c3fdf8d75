"""The chat room with TLS: real certificates, every strategy, and the ends of connections."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from server.__main__ import main
from server.strategies import STRATEGIES
from server.testing.server_process import ServerProcess

LIMIT_S = 300


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[str, ...]:
    """Write a certificate and its key, as the flags that name them."""
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return "--tls-certificate", str(tmp_path / "certificate.pem"), "--tls-key", str(tmp_path / "key.pem")


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def join(server: ServerProcess, user: str, context: ssl.SSLContext) -> connect:
    """Join in the test's own loop: a connection of OpenSSL is not to be used by two threads, as a blocking one is."""
    parts = urlsplit(server.url)
    return connect(f"wss://{parts.netloc}/chat?user_id={user}", ssl=context, open_timeout=LIMIT_S, proxy=None)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_members_hear_each_other_and_are_told_of_the_end(
    strategy: str, start_server: Callable[..., ServerProcess], files: tuple[str, ...], trusting: ssl.SSLContext
) -> None:
    server = start_server("--strategy", strategy, "--notice-limit", "0", *files)
    assert server.url.startswith("https://")
    async with join(server, "ann", trusting) as ann, join(server, "bob", trusting) as bob:
        texts = [f"{number} {'x' * 20_000}" for number in range(20)]
        for text in texts:
            await ann.send(text)
        for member in (ann, bob):
            assert [json.loads(await member.recv())["text"] for _ in texts] == texts
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as ended:
            await bob.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1012
    assert await asyncio.to_thread(server.process.wait, LIMIT_S) == 0


def test_a_frame_against_the_rules_ends_in_a_close_frame(
    start_server: Callable[..., ServerProcess], files: tuple[str, ...], trusting: ssl.SSLContext
) -> None:
    """TLS has no half of a connection that could be ended alone."""
    server = start_server(*files)
    parts = urlsplit(server.url)
    address = str(parts.hostname), int(parts.port or 0)
    with (
        socket.create_connection(address, LIMIT_S) as bare,
        trusting.wrap_socket(bare, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(
            f"GET /chat?user_id=eve HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += tls.recv(4096)
        tls.sendall(b"\x81\x02hi")  # not masked
        while (1002).to_bytes(2) not in received:
            more = tls.recv(4096)
            assert more, received
            received += more
    server.stop()


def test_a_key_with_a_pass_phrase_is_refused_without_a_question(files: tuple[str, ...], tmp_path: Path) -> None:
    key = serialization.load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.pem").write_bytes(locked)
    result = CliRunner().invoke(main, files, input="secret\n")
    assert result.exit_code == 2
    assert "the key without a pass phrase" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--tls-key", "KEY"), "--tls-key is that of a --tls-certificate; give both"),
        (("--tls-certificate", "KEY"), "cannot be used"),
        (("--tls-certificate", "no-such-file"), "does not exist"),
    ],
)
def test_files_that_cannot_be_used_are_refused(flags: tuple[str, ...], told: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    result = CliRunner().invoke(main, [str(tmp_path / "key") if word == "KEY" else word for word in flags])
    assert result.exit_code == 2
    assert told in " ".join(result.output.replace("│", " ").split())
