"""Makes a swarm's TCP connections: non-blocking sockets, connected while other greenlets run."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time

import gevent.monkey
import gevent.socket

from loadtest.client.target import Target
from loadtest.errors import ConnectError

READ_BYTES = 65536
"""The maximum that is read from a socket at a time."""
ANCILLARY_BYTES = 64
"""Room for the receive time that comes with a read."""
READABLE, WRITABLE = 1, 2
"""The events of a socket, as libev numbers them."""
# From asm-generic/socket.h, as Python does not name it; its timespec is two 64-bit words on 64-bit systems.
_SO_TIMESTAMPNS = 35 if sys.platform == "linux" and sys.maxsize > 2**32 else None
_plain_socket: type[socket.socket] = gevent.monkey.get_original("socket", "socket")


def dial(target: Target, deadline: float, receive_buffer_bytes: int | None) -> socket.socket:
    """Connect to the first address that accepts by `deadline`, in seconds of the monotonic clock.

    What is read from the socket comes with the kernel's receive time, where the system has that. The system may round
    the receive buffer up.

    Raises:
        ConnectError: no address accepted.
        OSError: the system refused, for example because descriptors ran out.

    """
    failures: list[str] = []
    for family, address in target.addresses:
        connection = _plain_socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer_bytes is not None:  # before the connect, which announces the window
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            if _SO_TIMESTAMPNS is not None:
                connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            error = connection.connect_ex(address)
            if error == errno.EINPROGRESS:
                wait_for(connection, WRITABLE, deadline, "connect")
                error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0:
                return connection
            failures.append(f"{address[0]} port {address[1]}: {os.strerror(error)}")
        except ConnectError as late:
            failures.append(f"{address[0]} port {address[1]}: {late}")
        except BaseException:
            connection.close()
            raise
        connection.close()
    raise ConnectError("; ".join(failures))


def wait_for(connection: socket.socket, events: int, deadline: float, what: str) -> None:
    """Let other greenlets run until a socket is `READABLE` or `WRITABLE`.

    Raises:
        ConnectError: `deadline`, in seconds of the monotonic clock, has passed; it says `what` took too long.

    """
    late = ConnectError(f"{what} took too long; is the server overloaded? Join more slowly (-r)")
    wait = gevent.socket.wait_read if events == READABLE else gevent.socket.wait_write
    wait(connection.fileno(), timeout=max(0.0, deadline - time.monotonic()), timeout_exc=late)
