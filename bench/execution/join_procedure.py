"""How a bare socket joins a server: the request to upgrade it, and what the protocol exchanges after that."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from websockets.frames import Frame

from bench.errors import JoinError
from bench.model.plan import OUR_ENDPOINT, Arm, Endpoint
from bench.storage.target_file import located
from loadtest.client.endpoint import PLAIN
from loadtest.client.tokens import tokens
from loadtest.errors import ConnectError, OptionError
from loadtest.protocols.description import read_tables
from loadtest.protocols.driver import Driver, Identity

Exchange = Generator[bytes | None, bytes, None]
"""Yields a frame to send, or `None` to await the server's next message, which is what `yield` then returns."""


@dataclass(frozen=True, slots=True)
class JoinProcedure:
    """Where users join a server, and the driver of its protocol; users take `tokens` in turn where there are any."""

    endpoint: Endpoint = OUR_ENDPOINT
    driver: Driver = PLAIN
    tokens: tuple[str, ...] = ()

    @classmethod
    def of(cls, arm: Arm) -> Self:
        """Return the procedure of an arm's server.

        Raises:
            JoinError: the description of a target cannot be read, or has no tokens.

        """
        return cls.described(located(arm.target.file)) if arm.target else cls(arm.endpoint)

    @classmethod
    def described(cls, file: Path) -> Self:
        """Return the procedure that a target's file describes; raises as `of` does."""
        try:
            described = read_tables(file)
            endpoint = Endpoint(described.url_path, tuple(described.headers), described.subprotocol, described.has_echo)
            return cls(endpoint, described.driver, tokens(described.join.token_file, described.join.token_command))
        except OptionError as error:
            raise JoinError(str(error)) from error

    def identity(self, user: str, number: int) -> Identity:
        """Return who the user of that number is."""
        return Identity(user, self.tokens[number % len(self.tokens)] if self.tokens else "")

    def upgrade_request(self, address: tuple[str, int], identity: Identity, key: str) -> bytes:
        """Return the request for a WebSocket (RFC 6455, section 4.1); `key` is the nonce."""
        host, port = address
        more = [identity.fill(line) for line in self.endpoint.headers]
        if self.endpoint.subprotocol:
            more.append(f"Sec-WebSocket-Protocol: {self.endpoint.subprotocol}")
        lines = (
            f"GET {identity.fill_path(self.endpoint.url_path)} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *more,
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def exchange(self, identity: Identity) -> Exchange:
        """Exchange what makes a connection, which is open, a member of the room.

        Raises:
            JoinError: the server's answer is not the expected one.

        """
        joining = self.driver.join(identity)
        try:
            step = next(joining)
            while True:
                if step is not None:
                    yield self.frame(step)
                    step = joining.send(b"")
                    continue
                message = yield None
                if (reply := self.driver.answer(message)) is not None:
                    yield self.frame(reply)
                step = joining.send(message)
        except StopIteration:
            return
        except ConnectError as error:
            raise JoinError(str(error)) from error

    def frame(self, message: bytes) -> bytes:
        """Return a message as a client's frame."""
        return Frame(self.driver.opcode, message).serialize(mask=True)
