"""The opening handshake of bare sockets (RFC 6455, section 4.1), for members that are no part of a swarm."""

from __future__ import annotations

from bench.model.plan import OUR_ENDPOINT, Endpoint


def upgrade_request(address: tuple[str, int], user: str, key: str, endpoint: Endpoint = OUR_ENDPOINT) -> bytes:
    """Return the request by which `user` asks the server at `address` for a WebSocket; `key` is the nonce."""
    host, port = address
    more = list(endpoint.headers)
    if endpoint.subprotocol:
        more.append(f"Sec-WebSocket-Protocol: {endpoint.subprotocol}")
    lines = (
        f"GET {endpoint.url_path} HTTP/1.1".replace("{user}", user),
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *(line.replace("{user}", user) for line in more),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
