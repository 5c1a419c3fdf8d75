"""An HTTP response, ready to be written, to what is not a request that anything else could answer."""

from __future__ import annotations

from http import HTTPStatus


def http_refusal(status: HTTPStatus) -> bytes:
    """Return a response that names its status and says that the connection ends."""
    body = f"{status.description or status.phrase}\n".encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
