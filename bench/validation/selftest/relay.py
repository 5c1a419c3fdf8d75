"""A TCP relay that delays every byte from a server to its clients: `python -m bench.validation.selftest.relay`."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from typing import cast

import click

HOST = "127.0.0.1"


class FromServer(asyncio.Protocol):
    """The server's side of a connection: forwards bytes to the client `hold_s` seconds later, in order.

    With 0 they take the same path through the same timer. asyncio sets TCP_NODELAY on both sides.
    """

    def __init__(self, client: asyncio.Transport, hold_s: float) -> None:
        self._client = client
        self._hold_s = hold_s
        self._held: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """Hold what the server sent."""
        self._held.append(data)
        self._loop.call_at(self._loop.time() + self._hold_s, self._release)

    def connection_lost(self, _error: Exception | None) -> None:
        """Hold the end of the connection as long as anything else that the server sends."""
        self.data_received(b"")

    def _release(self) -> None:
        if data := self._held.popleft():  # the oldest first, whichever timer fires
            self._client.write(data)
        else:
            self._client.close()


class FromClient(asyncio.Protocol):
    """The client's side of a connection: forwards bytes to the server at `port` at once."""

    def __init__(self, port: int, hold_s: float) -> None:
        self._port = port
        self._hold_s = hold_s
        self._server: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server before reading from the client."""
        self._client = cast("asyncio.Transport", transport)
        self._client.pause_reading()
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server, _ = await loop.create_connection(
                lambda: FromServer(self._client, self._hold_s), HOST, self._port
            )
        except OSError:
            self._client.abort()
        else:
            self._client.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Forward what the client sent."""
        assert self._server is not None
        self._server.write(data)

    def eof_received(self) -> bool:
        """Close the client's direction only: the server may still send."""
        assert self._server is not None
        self._server.write_eof()
        return True

    def connection_lost(self, _error: Exception | None) -> None:
        """Close the server's side too."""
        if self._server:
            self._server.close()


async def relay(port: int, hold_s: float) -> None:
    """Listen on a free port of 127.0.0.1, print the address, and relay."""
    server = await asyncio.get_running_loop().create_server(lambda: FromClient(port, hold_s), HOST, 0)
    click.echo(f"relay ready on tcp://{HOST}:{server.sockets[0].getsockname()[1]}")
    async with server:
        await server.serve_forever()


def exact_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with timers of microsecond resolution: those of epoll and uvloop are whole milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


@click.command()
@click.option("--to", "port", type=click.IntRange(1, 65535), required=True, help="The server's port on 127.0.0.1.")
@click.option("--hold-ms", type=click.FloatRange(0), default=0.0, help="How long the server's bytes are held.")
def main(port: int, hold_ms: float) -> None:
    """Relay TCP connections, holding all that the server sends."""
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(relay(port, hold_ms / 1e3))


if __name__ == "__main__":
    main()
