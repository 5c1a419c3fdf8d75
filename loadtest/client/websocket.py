"""A WebSocket client for swarms: cooperative while it connects, read in the hub's own callbacks after that.

Reads are only kept, with the kernel's receive time (SO_TIMESTAMPNS, socket(7)), and parsed later by the worker's
recorder. Sends never wait: what a full socket does not take is kept and follows once the socket is writable.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import gevent.event
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.typing import Subprotocol

from loadtest.client.connect import ANCILLARY_BYTES, READ_BYTES, READABLE, WRITABLE, dial, wait_for
from loadtest.client.endpoint import USER
from loadtest.client.frames import MAX_MESSAGE_BYTES, FrameSplitter
from loadtest.client.handshake import read_reply
from loadtest.client.joining import join
from loadtest.client.printable import printable
from loadtest.client.target import Target
from loadtest.client.tls import Tls
from loadtest.errors import ConnectError
from loadtest.ledger.records import NEVER
from loadtest.protocols.driver import LOBBY, ROOM, Bookmark

SECRET_LENGTH = 8
"""A word of a header may be a secret if it is so long."""
_CLOSE = 0x80 | Opcode.CLOSE
Read = tuple[int, bytes, bytes | None, int, int]
"""A connection's tag, a read's bytes, their receive time (a timespec, where there is one), the time of the read, and a
time at which the socket was empty if it was watched and not read since (0: none is known)."""


class WebSocket:
    """One connection. Open after `connect()`; `ended` is set once it has ended, by either side.

    `said_s` is when a text was said last, in seconds of the monotonic clock.
    """

    def __init__(
        self,
        target: Target,
        user: str,
        receive_buffer_bytes: int | None = None,
        room: str = LOBBY,
        bookmark: Bookmark | None = None,
    ) -> None:
        """Prepare a connection of a user to a room; the system may round its receive buffer up.

        With a `bookmark` the user goes on where it has read to, and that is followed.
        """
        self._target = target
        self.user = user
        self._receive_buffer_bytes = receive_buffer_bytes
        self.bookmark = bookmark
        self.said_s = 0.0
        self._identity = target.identity(user, room, bookmark.since if bookmark else "")
        endpoint = target.endpoint
        self._driver = endpoint.driver
        self._wrap = endpoint.driver.wrap_in(room)
        subprotocols = [Subprotocol(endpoint.subprotocol)] if endpoint.subprotocol else None
        self.protocol = ClientProtocol(
            target.uri(self._identity), subprotocols=subprotocols, max_size=MAX_MESSAGE_BYTES
        )
        self.splitter = FrameSplitter(self.protocol, self._driver.opcode)
        self.ended = gevent.event.Event()
        self._error = ""
        self._keep_end: Callable[[], None] | None = None
        self._unsent = bytearray()
        self._first_bytes = b""  # what came together with the handshake, and when
        self._first_time: bytes | None = None
        self._watchers: dict[int, Any] = {}
        self._tls: Tls | None = None
        self._socket: socket.socket

    def connect(self, timeout_s: float) -> None:
        """Connect, upgrade and join as the protocol asks for, yielding to other greenlets meanwhile.

        Raises:
            ConnectError: no reply came in time, or the server refused; its status and body are in the text.
            OSError: the system refused, for example because descriptors ran out.

        """
        deadline = time.monotonic() + timeout_s
        self._socket = dial(self._target, deadline, self._receive_buffer_bytes)
        try:
            if self._target.tls:
                self._tls = Tls(self._target.tls, self.protocol.uri.host)
                self._tls.handshake(self._socket, deadline)
            request = self.protocol.connect()
            for name, value in self._target.endpoint.headers:
                request.headers[name] = self._identity.fill(value)
            self.protocol.send_request(request)
            self._send(b"".join(self.protocol.data_to_send()))
            if self.ended.is_set():
                raise ConnectError(self._error)
            self._first_bytes, self._first_time = read_reply(
                self._socket, self.protocol, self._tls, deadline, self._masked
            )
            self._join(deadline)
        except BaseException:
            self.abort()
            raise

    def _join(self, deadline: float) -> None:
        messages = deque[bytes]()

        def receive() -> bytes:
            while not messages:
                if not self._first_bytes:
                    wait_for(self._socket, READABLE, deadline, "join")
                messages.extend(self.read_texts(READ_BYTES))
                if self.ended.is_set():
                    raise ConnectError(f"the server ended the connection while a user joined: {self.why_ended()}")
            return messages.popleft()

        join(self._driver, self._identity, self.send_message, receive, self._masked)

    def _masked(self, text: str) -> str:
        """Return a text that may be shown: without the user's token, and without what is secret in headers."""
        text = self._identity.without_token(text)
        for name, value in self._target.endpoint.headers:
            for word in self._identity.fill(value).split():
                if len(word) >= SECRET_LENGTH and ROOM not in value and USER not in value:
                    text = text.replace(word, f"{{{name}}}")
        return text

    def watch(
        self,
        keep: Callable[[Read], None],
        tag: int,
        gate_ns: list[int],
        polled_ns: list[int],
        catch_up: Callable[[], None],
        request_parse: Callable[[], None],
    ) -> None:
        """Read in hub callbacks from now on.

        `keep` gets every read, with the time in `polled_ns[0]`, and at the end one of no bytes. After a read at or
        after `gate_ns[0]`, `catch_up` is called: hundreds of reads in one turn of the hub must not delay what is due.
        `request_parse` is called when a read looks like a close frame, so that a member that was kicked soon stops
        sending.
        """
        now_ns = time.time_ns
        recvmsg = self._socket.recvmsg
        tls = self._tls
        follow = self.bookmark.read if self.bookmark else None

        def readable() -> None:
            try:
                data, ancillary, _, _ = recvmsg(READ_BYTES, ANCILLARY_BYTES)
                read_ns = now_ns()
                if not data:
                    self._end("the server closed the connection without a close frame")
                    return
                if tls is not None:
                    data = tls.decrypt(data)
                    ancillary = []  # the time of a record's last bytes is not that of the message inside
                    if tls.error:
                        if data:
                            keep((tag, data, None, read_ns, polled_ns[0]))
                        self._end(tls.error)
                        return
                    if not data:
                        return
            except BlockingIOError:
                return
            except OSError as error:
                self._end(error.strerror or str(error))
                return
            keep((tag, data, ancillary[0][2] if ancillary else None, read_ns, polled_ns[0]))
            if follow is not None:
                follow(data)
            if data[0] == _CLOSE:
                request_parse()
            if read_ns >= gate_ns[0]:
                catch_up()

        self._keep_end = lambda: keep((tag, b"", None, now_ns(), 0))
        if self.bookmark:
            self.bookmark.reconnect()
            self.bookmark.read(self._first_bytes)
        if self._first_bytes:
            keep((tag, self._first_bytes, self._first_time, now_ns(), 0))
            self._first_bytes = b""
        self._watch(READABLE, readable)

    def _watch(self, events: int, callback: Callable[[], None]) -> None:
        watcher = gevent.get_hub().loop.io(self._socket.fileno(), events)
        watcher.start(callback)
        self._watchers[events] = watcher

    def _unwatch(self, events: int) -> None:
        watcher = self._watchers.pop(events)
        watcher.stop()
        watcher.close()

    def read_texts(self, max_bytes: int) -> list[bytes]:
        """Read at most so many bytes, if there are any, and return the messages they complete. Instead of `watch`.

        Pings get replies, and messages that the protocol has an answer to get that.
        """
        plain, self._first_bytes = self._first_bytes, b""
        if not plain:
            try:
                data = self._socket.recv(max_bytes)
                if not data:
                    self._end("the server closed the connection without a close frame")
                    return []
                plain = self._tls.decrypt(data) if self._tls else data
            except BlockingIOError:
                return []
            except OSError as error:
                self._end(error.strerror or str(error))
                return []
            if self._tls and self._tls.error:
                self._end(self._tls.error)
                return []
        messages = self.splitter.feed(plain)
        if self.protocol.writes:
            self.send_replies()
        texts = [messages.data[start:end] for start, end in zip(messages.starts, messages.ends, strict=True)]
        self.answer(texts)
        return texts

    def answer(self, texts: Iterable[bytes]) -> None:
        """Send the protocol's answers to those of some messages that have one."""
        if self._driver.has_pings:
            for text in texts:
                if (answer := self._driver.answer(text)) is not None and self.is_open:
                    self.send_message(answer)

    def drop_reads(self) -> None:
        """Read in hub callbacks from now on, and drop what comes; pings get replies. Instead of `watch`."""

        def drop(read: Read) -> None:
            messages = self.splitter.feed(read[1])
            if self.protocol.writes:
                self.send_replies()
            self.answer(messages.data[start:end] for start, end in zip(messages.starts, messages.ends, strict=True))

        self.watch(drop, 0, [NEVER], [0], lambda: None, lambda: None)

    def stop_reading(self) -> None:
        """Leave unread what comes from now on."""
        if READABLE in self._watchers:
            self._unwatch(READABLE)

    @property
    def is_open(self) -> bool:
        """Whether a message can still be sent."""
        return self.protocol.state is OPEN and not self.ended.is_set()

    def send_text(self, text: bytes) -> None:
        """Say a text (ASCII), as the protocol wraps it; returns at once, also when the socket is full."""
        self.said_s = time.monotonic()
        self.send_message(self._wrap(text))

    def send_message(self, message: bytes) -> None:
        """Send a frame of the protocol's kind as it is; returns at once, also when the socket is full."""
        self._send(Frame(self._driver.opcode, message).serialize(mask=True))

    def send_flood(self, text: bytes, count: int) -> None:
        """Say a text many times; returns at once."""
        self._send(Frame(self._driver.opcode, self._wrap(text)).serialize(mask=True) * count)

    def send_replies(self) -> None:
        """Send the protocol's replies, such as pongs, to what it was fed; end the connection if that was malformed."""
        data = b"".join(self.protocol.data_to_send())
        if self.ended.is_set():
            return
        if data:
            self._send(data)
        if self.protocol.parser_exc is not None:
            self._end(f"the server sent malformed WebSocket data: {self.protocol.parser_exc}")

    def close(self, timeout_s: float) -> None:
        """Close with code 1000 and wait for the server to end the connection, at most `timeout_s`.

        If nothing reads its answer any more, the connection ends at once.
        """
        if self.is_open and READABLE in self._watchers:
            self.protocol.send_close(1000)
            self.send_replies()
            self.ended.wait(timeout_s)
        self.abort()

    def abort(self, why: str = "") -> None:
        """End the connection at once; `why` is given where that was not planned."""
        self._end(why)

    def _send(self, data: bytes) -> None:
        if self._tls:
            data = self._tls.encrypt(data)
            if self._tls.error:
                self._end(self._tls.error)
                return
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
            return
        try:
            taken = self._socket.send(data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if taken < len(data):
            self._unsent += data[taken:]
            self._watch(WRITABLE, self._flush)

    def _flush(self) -> None:
        try:
            taken = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        del self._unsent[:taken]
        if not self._unsent:
            self._unwatch(WRITABLE)

    def _end(self, error: str) -> None:
        if self.ended.is_set():
            return
        self._error = error
        self.ended.set()
        for events in tuple(self._watchers):
            self._unwatch(events)
        self._socket.close()
        if self._keep_end:
            self._keep_end()

    def why_ended(self) -> str:
        """Say what ended the connection, with the close code where the server gave one; empty after `close()`."""
        close = self.protocol.close_rcvd
        if close is not None and self.protocol.close_rcvd_then_sent:
            return f"the server closed the connection with code {close.code} {printable(close.reason)}".rstrip()
        return self._error
