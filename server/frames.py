"""Text frames as the server writes them: whole, unmasked and uncompressed, so the same bytes serve every member."""

from __future__ import annotations

from websockets.frames import Frame, Opcode


def text_frame(payload: bytes) -> bytes:
    """Return a text frame. With permessage-deflate a frame may be compressed, but need not be."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def count_frames(frames: bytes) -> int:
    """Return how many frames such bytes are."""
    count = position = 0
    while position < len(frames):
        length = frames[position + 1]
        size_bytes = {126: 2, 127: 8}.get(length, 0)
        position += 2 + size_bytes
        if size_bytes:
            length = int.from_bytes(frames[position - size_bytes : position])
        position += length
        count += 1
    return count
