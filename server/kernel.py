"""What the kernel tells of a connection that its transport does not."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios

TCP_ESTABLISHED = 1
"""The first byte of `TCP_INFO` while neither side has ended its half (Linux)."""


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes written to a connection the peer's kernel has not acknowledged."""
    try:
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:  # it has been closed
        return 0
    (size_bytes,) = struct.unpack("i", answer)
    return int(size_bytes)


def has_hung_up(transport: asyncio.Transport) -> bool:
    """Return whether the peer of a connection that is not read from has ended its side, where the kernel tells."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    info: bytes = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return info[0] != TCP_ESTABLISHED
