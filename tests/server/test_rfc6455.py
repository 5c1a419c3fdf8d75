"""The rules of RFC 6455 by section, after the cases of Autobahn: how the connection of who breaks one ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from websockets.frames import Opcode

from server.strategies import STRATEGIES
from server.testing.chat_user import TIMEOUT_S, join
from server.testing.server_process import ServerProcess

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
TEXT, BINARY, CONT, CLOSE, PING, PONG = Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.CLOSE, Opcode.PING, Opcode.PONG
NO_CODE = 1005
"""Stands for a close frame without a code."""
HANDSHAKE = (
    "GET /chat?user_id={name}&room=rules HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
names = (f"peer{number}" for number in count())


def frame(opcode: int, payload: bytes = b"", bits: int = FIN, *, masked: bool = True) -> bytes:
    """Return a frame as a client sends it, whatever the rules say; its mask is zero."""
    mask_bit = 0x80 if masked else 0
    is_long = len(payload) > 125
    length = bytes([mask_bit | 126]) + len(payload).to_bytes(2) if is_long else bytes([mask_bit | len(payload)])
    return bytes([bits | opcode]) + length + (bytes(4) if masked else b"") + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2) + reason)


def huge(length: int) -> bytes:
    """Return the header of a text of that length."""
    return bytes([FIN | TEXT, 0x80 | 127]) + length.to_bytes(8) + bytes(4)


BROKEN: dict[str, tuple[int, bytes]] = {
    "5.1 no mask": (1002, frame(TEXT, b"hello", masked=False)),
    "5.1 no mask, ping": (1002, frame(PING, masked=False)),
    **{f"5.2 RSV{n}": (1002, frame(TEXT, b"x", FIN | bit)) for n, bit in enumerate((RSV1, RSV2, RSV3), 1)},
    "5.2 RSV1 of a ping": (1002, frame(PING, b"x", FIN | RSV1)),
    "5.2 RSV3 of a close frame": (1002, frame(CLOSE, b"\x03\xe8", FIN | RSV3)),
    **{f"5.2 opcode {code:#x}": (1002, frame(code)) for code in (*range(3, 8), *range(0xB, 0x10))},
    "5.2 length of 2^62": (1009, huge(2**62)),
    "5.2 length with its highest bit": (1009, huge(2**63)),
    "5.4 continuation of nothing": (1002, frame(CONT, b"x")),
    "5.4 continuation of nothing, not the last": (1002, frame(CONT, b"x", 0)),
    "5.4 continuation after the last": (1002, frame(TEXT, b"a", 0) + frame(CONT, b"b") + frame(CONT, b"c")),
    "5.4 text inside a message": (1002, frame(TEXT, b"a", 0) + frame(TEXT, b"b")),
    "5.4 binary inside a message": (1002, frame(TEXT, b"a", 0) + frame(BINARY, b"b")),
    "5.4 RSV2 of a continuation": (1002, frame(TEXT, b"a", 0) + frame(CONT, b"b", FIN | RSV2)),
    **{f"5.5 {code.name} of 126 bytes": (1002, frame(code, bytes(126))) for code in (PING, PONG)},
    "5.5 CLOSE of 126 bytes": (1002, close(1000, b"x" * 124)),
    **{f"5.5 {code.name} in fragments": (1002, frame(code, b"", 0)) for code in (PING, PONG, CLOSE)},
    "5.5.1 CLOSE of 1 byte": (1002, frame(CLOSE, b"x")),
    **{
        f"7.4 code {code}": (1002, close(code))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "8.1 text": (1007, frame(TEXT, b"caf\xe9")),
    "8.1 overlong": (1007, frame(TEXT, b"\xc0\xaf")),
    "8.1 surrogate": (1007, frame(TEXT, b"\xed\xa0\x80")),
    "8.1 beyond U+10FFFF": (1007, frame(TEXT, b"\xf4\x90\x80\x80")),
    "8.1 cut short": (1007, frame(TEXT, b"\xce")),
    "8.1 split over fragments": (1007, frame(TEXT, b"\xce", 0) + frame(CONT, b"x")),
    "8.1 second fragment": (1007, frame(TEXT, b"good", 0) + frame(PING) + frame(CONT, b"\xff")),
    "8.1 reason of a close frame": (1007, close(1000, b"\xff")),
    "ours: binary": (1003, frame(BINARY, b"bytes")),
    "ours: too large": (1009, frame(TEXT, b"x" * 1_001)),
    "ours: too large in fragments": (1009, frame(TEXT, b"x" * 600, 0) + frame(CONT, b"x" * 600)),
}
KEPT: dict[str, tuple[int, bytes]] = {
    "5.5.1 without a code": (NO_CODE, frame(CLOSE)),
    "5.5.1 what follows is ignored": (1000, close(1000) + frame(TEXT, b"\xff") + frame(PING)),
    "5.5.1 reason of 123 bytes": (1000, close(1000, b"x" * 123)),
    **{
        f"7.4 code {code}, which is one": (code, close(code))
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
}
TEXTS: dict[str, tuple[str, bytes]] = {
    "5.2 empty": ("", frame(TEXT)),
    "5.4 fragments": ("abc", frame(TEXT, b"a", 0) + frame(CONT, b"b", 0) + frame(CONT, b"c")),
    "5.4 empty fragments": ("b", frame(TEXT, b"", 0) + frame(CONT, b"b", 0) + frame(CONT)),
    "5.4 pings between fragments": ("ab", frame(TEXT, b"a", 0) + frame(PING, b"1") + frame(CONT, b"b")),
    "5.5.3 pong that nobody asked for": ("a", frame(PONG, b"x") + frame(TEXT, b"a")),
    "5.6 character split over fragments": ("\u03ba", frame(TEXT, b"\xce", 0) + frame(CONT, b"\xba")),
    "5.6 noncharacter": ("\uffff", frame(TEXT, "\uffff".encode())),
}


@pytest.fixture(scope="module", params=STRATEGIES)
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with ServerProcess("--strategy", request.param, "--max-message-bytes", "1000") as server:
        yield server
        assert server.stderr() == ""


async def frames_after(server: ServerProcess, data: bytes) -> list[tuple[int, bytes]]:
    """Join, send these bytes, and return opcode and payload of all frames up to the end of the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(HANDSHAKE.format(name=next(names)).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        writer.write(data)
        received = await reader.read()
        writer.close()
    frames = []
    while received:
        start = {126: 4, 127: 10}.get(received[1], 2)
        length = int.from_bytes(received[2:start]) if start > 2 else received[1]
        frames.append((received[0] & 0x0F, received[start : start + length]))
        received = received[start + length :]
    return frames


def close_code(frames: list[tuple[int, bytes]]) -> int:
    opcode, payload = frames[-1]
    assert opcode == CLOSE
    assert [opcode for opcode, _ in frames].count(CLOSE) == 1
    return int.from_bytes(payload[:2]) if payload else NO_CODE


async def test_close_codes(server: ServerProcess) -> None:
    """Each case has a connection of its own; after each the room goes on for the others."""
    cases, codes = BROKEN | KEPT, {}
    async with join(server.chat_url(next(names), "rules")) as alice:
        for case, (_, data) in cases.items():
            codes[case] = close_code(await frames_after(server, data))
            await alice.say(case)
            while (await alice.hear_said(1))[0].text != case:
                pass  # a message that was complete before the rule was broken
    assert codes == {case: code for case, (code, _) in cases.items()}


async def test_texts(server: ServerProcess) -> None:
    heard = {}
    async with join(server.chat_url(next(names), "rules")) as alice:
        for case, (_, data) in TEXTS.items():
            assert close_code(await frames_after(server, data + close(1000))) == 1000
            heard[case] = (await alice.hear_said(1))[0].text
    assert heard == {case: text for case, (text, _) in TEXTS.items()}


async def test_what_came_before_a_broken_frame_is_taken(server: ServerProcess) -> None:
    async with join(server.chat_url(next(names), "rules")) as alice:
        assert close_code(await frames_after(server, frame(TEXT, b"before") + frame(PING) + frame(3))) == 1002
        assert (await alice.hear_said(1))[0].text == "before"


async def test_5_5_2_pings_are_answered_with_their_payload(server: ServerProcess) -> None:
    frames = await frames_after(server, frame(PING, b"one") + frame(PING, bytes(125)) + close(1000))
    assert [payload for opcode, payload in frames if opcode == PONG] == [b"one", bytes(125)]
