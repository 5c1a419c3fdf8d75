"""A server process from its socket to its exit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Generator
from types import FrameType

import click
import uvicorn

from server.app import create_app
from server.config import BACKLOG, ChatConfig
from server.http_protocol import ChatHttpProtocol
from server.log_limit import RepeatLimit
from server.protocol import ChatProtocol
from server.rooms import Rooms
from server.settings import Settings

FORCED_EXIT_LIMIT_S = 1.0
FORCED_EXIT_POLL_S = 0.1
TICKS_A_SECOND = 10
SEND_BUFFER_BYTES = 131_072
"""The kernel's buffer for one connection: enough for seconds of a busy room, or a link of 10 Mbit/s and 100 ms.

Without a limit it grows to megabytes on a fast link, and a member that does not read would be noticed only when that
is full. Where `--outbox-bytes` is less, so is this. Linux doubles the figure for its own bookkeeping.
"""


logger = logging.getLogger("uvicorn.error")


class ChatServer(uvicorn.Server):
    """uvicorn with a ready line on stdout, and exit code 0 after SIGINT or SIGTERM."""

    config: ChatConfig
    _lacks_descriptors = False

    def __init__(self, settings: Settings) -> None:
        app = create_app(settings)
        self._strategy = settings.strategy
        self.rooms: Rooms = app.state.rooms
        super().__init__(ChatConfig(app, settings, self.rooms.counters, ChatHttpProtocol, ChatProtocol))
        logging.getLogger("uvicorn.error").addFilter(RepeatLimit())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections, then say so on stdout."""
        assert sockets is not None
        for listener in sockets:  # accepted connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(SEND_BUFFER_BYTES, self.config.outbox_bytes))
        await super().startup(sockets)
        url = f"{'https' if self.config.is_ssl else 'http'}://{_address(sockets[0])}"
        click.echo(f"chatroom ready on {url} strategy={self._strategy} pid={os.getpid()}")

    async def on_tick(self, counter: int) -> bool:
        """Do uvicorn's chores, ten times a second, and say when no more connections can be accepted."""
        if counter % TICKS_A_SECOND == 0:
            self._watch_descriptors()
        return await super().on_tick(counter)

    def _watch_descriptors(self) -> None:
        """Log once when the last descriptor is taken: libuv drops new connections then and says nothing."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if not self._lacks_descriptors:
                logger.warning("new connections are dropped: %s; raise the limit (ulimit -n)", error.strerror)
            self._lacks_descriptors = True
        else:
            self._lacks_descriptors = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection with code 1012 and wait for them, within bounds."""
        self.rooms.stop_notices()
        # Since Python 3.12 asyncio's server is only closed once its last connection is, forced exit or not.
        aborting = asyncio.create_task(self._abort_when_forced())
        try:
            await super().shutdown(sockets)
        finally:
            aborting.cancel()
        if self.force_exit:
            await self._finish_forced_exit()

    async def _abort_when_forced(self) -> None:
        while not self.force_exit:  # noqa: ASYNC110 - set by a signal handler; uvicorn polls it too
            await asyncio.sleep(FORCED_EXIT_POLL_S)
        self._abort_connections()

    def _abort_connections(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()

    async def _finish_forced_exit(self) -> None:
        """End what uvicorn would leave to be cancelled, which prints a traceback for each connection."""
        self._abort_connections()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=FORCED_EXIT_LIMIT_S)
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop on SIGHUP too, when the terminal goes, unless it is ignored (as by nohup)."""
        with super().capture_signals():
            if threading.current_thread() is not threading.main_thread():
                yield  # signals reach the main thread only
                return
            before = signal.getsignal(signal.SIGHUP)
            if before is not signal.SIG_IGN:
                signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, before)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop at the first signal; at the second, stop waiting.

        uvicorn would also note the signal and raise it again at the end, which spoils the exit code.
        """
        self.force_exit = self.should_exit
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: the host is unknown or the port is taken.

    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"
