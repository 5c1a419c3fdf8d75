"""TLS over a non-blocking socket: bytes in, bytes out."""

from __future__ import annotations

import socket
import ssl

from loadtest.client.connect import READ_BYTES, READABLE, wait_for
from loadtest.errors import ConnectError


class Tls:
    """One connection's TLS; `error` says what broke it; empty while it works."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.error = ""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def handshake(self, connection: socket.socket, deadline: float) -> None:
        """Shake hands while other greenlets run.

        Raises:
            ConnectError: it failed, or `deadline`, in seconds of the monotonic clock, has passed.

        """
        while True:
            try:
                self._object.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLError as error:
                raise ConnectError(f"TLS handshake: {error}") from error
            if data := self._outgoing.read():
                connection.send(data)
            if done:
                return
            wait_for(connection, READABLE, deadline, "TLS handshake")
            data = connection.recv(READ_BYTES)
            if not data:
                raise ConnectError("TLS handshake: the server closed the connection")
            self._incoming.write(data)

    def decrypt(self, data: bytes) -> bytes:
        """Return the plain bytes that `data` completes: none where it completes no record, those before any `error`."""
        self._incoming.write(data)
        plain = []
        while True:
            try:
                part = self._object.read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self.error = error.strerror or str(error)
                break
            if not part:
                break
            plain.append(part)
        return b"".join(plain)

    def encrypt(self, data: bytes) -> bytes:
        """Return the records for `data`; none where that is impossible, see `error`."""
        try:
            self._object.write(data)
        except ssl.SSLError as error:
            self.error = error.strerror or str(error)
        return self._outgoing.read()
