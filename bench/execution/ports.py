"""Free ports of the local address, for programs that have to be told one."""

from __future__ import annotations

import socket

LOCAL_HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port of `LOCAL_HOST` that was free a moment ago."""
    with socket.create_server((LOCAL_HOST, 0)) as free:
        port: int = free.getsockname()[1]
    return port
