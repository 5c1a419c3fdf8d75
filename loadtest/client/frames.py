"""Splits what one server sends into messages, quickly.

An unfragmented, unmasked frame of the messages' kind that has come whole is found by its header alone. Others go to
`websockets`' Sans-I/O protocol, from its boundary on: it replies to pings and closes, and finds what is malformed.
Framing: RFC 6455, section 5.2.
"""

from __future__ import annotations

from typing import NamedTuple

from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import OPEN

MAX_MESSAGE_BYTES = 2**20
_FIN = 0x80
_OPCODES = frozenset(Opcode)


class Messages(NamedTuple):
    """Messages `data[starts[i]:ends[i]]` in order of arrival; `whole` tells that no part of a frame is left over."""

    data: bytes
    starts: list[int]
    ends: list[int]
    whole: bool


_NOTHING = Messages(b"", [], [], whole=True)


class FrameSplitter:
    """One connection's incoming side, from after the handshake on.

    `protocol` must be open and must have been given nothing beyond the handshake; its replies
    wait in `data_to_send()`. Once it is no longer open, further bytes are ignored. Messages are of either kind; those
    of `opcode` are found quickly.
    """

    __slots__ = ("_first_byte", "_fragments", "_remaining", "_rest", "protocol")

    def __init__(self, protocol: ClientProtocol, opcode: Opcode = Opcode.TEXT) -> None:
        self.protocol = protocol
        self._first_byte = _FIN | opcode
        self._rest = b""
        self._remaining = 0  # bytes still to come of a frame that the protocol has begun to read
        self._fragments: list[bytes] | None = None

    def feed(self, data: bytes) -> Messages:
        """Take what was read and return the messages it completes."""
        if self.protocol.state is not OPEN:
            return _NOTHING
        if self._rest:
            data = self._rest + data
        starts: list[int] = []
        ends: list[int] = []
        position, size, first_byte = 0, len(data), self._first_byte
        if self._fragments is None and not self._remaining:
            while position + 2 <= size and data[position] == first_byte:
                length = data[position + 1]
                start = position + 2
                if length == 126:
                    if position + 4 > size:
                        break
                    length = data[position + 2] << 8 | data[position + 3]
                    start = position + 4
                elif length > 126:
                    break
                end = start + length
                if end > size:
                    break
                starts.append(start)
                ends.append(end)
                position = end
        if position < size:
            return self._feed_slowly(data, position, starts, ends)
        self._rest = b""
        return Messages(data, starts, ends, whole=True)

    def _feed_slowly(self, data: bytes, position: int, starts: list[int], ends: list[int]) -> Messages:
        """Go on from `position` frame by frame; a message that is not a span of `data` is appended to it."""
        size = len(data)
        messages = bytearray(data)
        while position < size and self.protocol.state is OPEN:
            if self._remaining:
                end = min(position + self._remaining, size)
                self.protocol.receive_data(data[position:end])
                self._remaining -= end - position
                position = end
            else:
                header_end, length = _header(data, position)
                if header_end > size:
                    break
                if self._is_plain(data, position) and length <= MAX_MESSAGE_BYTES:
                    if header_end + length > size:
                        break
                    position = header_end + length
                    starts.append(header_end)
                    ends.append(position)
                    continue
                self.protocol.receive_data(data[position:header_end])
                self._remaining = length
                position = header_end
            for message in self._take_messages():
                starts.append(len(messages))
                messages += message
                ends.append(len(messages))
        self._rest = data[position:] if self.protocol.state is OPEN else b""
        return Messages(bytes(messages), starts, ends, whole=position >= size and not self._remaining)

    def _is_plain(self, data: bytes, position: int) -> bool:
        return data[position] == self._first_byte and data[position + 1] < 0x80 and self._fragments is None

    def _take_messages(self) -> list[bytes]:
        messages = []
        for event in self.protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
                continue
            if self._fragments is None:
                self._fragments = []
            self._fragments.append(bytes(event.data))
            if event.fin:
                messages.append(b"".join(self._fragments))
                self._fragments = None
        return messages


def _header(data: bytes, position: int) -> tuple[int, int]:
    """Return where a frame's payload starts, beyond the end of `data` if its header is cut short, and its length.

    A frame whose first two bytes are malformed already has no payload to wait for.
    """
    payload = position + 2
    if payload > len(data):
        return payload, 0
    length = data[position + 1]
    if length > 127 or data[position] & 0x0F not in _OPCODES:
        return payload, 0
    if length >= 126:
        payload += 2 if length == 126 else 8
        length = int.from_bytes(data[position + 2 : payload])
    return payload, length
