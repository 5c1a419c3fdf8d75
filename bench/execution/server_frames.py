"""Frames as a server sends them (RFC 6455, section 5.2), for sockets that are no part of a swarm."""

from __future__ import annotations

from enum import IntEnum

FIN = 0x80  # in a frame's first byte: no further frame continues its message
MASKED = 0x80
LENGTH_BYTES = {126: 2, 127: 8}
"""How many bytes have the length, by what the second byte says instead of it."""


class Opcode(IntEnum):
    """The kinds of frames that are read; continuations are refused, because one could cut a stamp in two."""

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def frame_size(head: bytes) -> int:
    """Return how many bytes of a frame have to be read to know more; once the header is there, the frame's size.

    Raises:
        ValueError: the frame is a fragment, masked, or of an unknown kind.

    """
    if not head[0] & FIN or head[0] & 0x0F not in list(Opcode) or head[1] & MASKED:
        raise ValueError(f"a frame begins with {head[:2].hex()}; only whole, unmasked frames are read here")
    header = _header_size(head)
    if len(head) < header:
        return header
    return header + (int.from_bytes(head[2:header]) if head[1] in LENGTH_BYTES else head[1])


def opcode(frame: bytes) -> Opcode:
    """Return the kind of a whole frame."""
    return Opcode(frame[0] & 0x0F)


def payload(frame: bytes) -> bytes:
    """Return the content of a whole frame."""
    return frame[_header_size(frame) :]


def _header_size(head: bytes) -> int:
    return 2 + LENGTH_BYTES.get(head[1], 0)
