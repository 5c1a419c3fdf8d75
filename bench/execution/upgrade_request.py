"""The opening handshake of bare sockets (RFC 6455, section 4.1), for members that are no part of a swarm."""

from __future__ import annotations


def upgrade_request(address: tuple[str, int], path: str, key: str) -> bytes:
    """Return the request that asks the server at `address` for a WebSocket; `key` is the handshake's nonce."""
    host, port = address
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
