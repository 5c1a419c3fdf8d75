"""The frame splitter against `websockets`' own parser: any frames, any byte splits."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from loadtest.client.frames import MAX_MESSAGE_BYTES, FrameSplitter


def open_protocol() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://127.0.0.1/"), state=OPEN, max_size=MAX_MESSAGE_BYTES)


def serialize(*frames: Frame, mask: bool = False) -> bytes:
    return b"".join(frame.serialize(mask=mask) for frame in frames)


def text(payload: bytes, fin: bool = True) -> Frame:
    return Frame(Opcode.TEXT, payload, fin)


def split_at(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def by_splitter(pieces: list[bytes]) -> tuple[list[bytes], ClientProtocol]:
    splitter = FrameSplitter(open_protocol())
    messages = []
    for piece in pieces:
        found = splitter.feed(piece)
        messages += [found.data[start:end] for start, end in zip(found.starts, found.ends, strict=True)]
    return messages, splitter.protocol


def by_websockets(data: bytes) -> tuple[list[bytes], ClientProtocol]:
    protocol = open_protocol()
    protocol.receive_data(data)
    messages, fragments = [], b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            fragments += event.data
            if event.fin:
                messages.append(fragments)
                fragments = b""
    return messages, protocol


payloads = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([0, 125, 126, 127, 65535, 65536, 70000]).map(lambda size: b"p" * size),
)
control = st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
message = st.one_of(
    payloads.map(lambda payload: [text(payload)]),
    st.builds(lambda payload: [Frame(Opcode.BINARY, payload)], payloads),
    control.map(lambda frame: [frame]),
    st.builds(
        lambda first, ping, last: [text(first, fin=False), ping, Frame(Opcode.CONT, last)], payloads, control, payloads
    ),
)
conversation = st.lists(message, max_size=8).map(lambda parts: [frame for part in parts for frame in part])
ending = st.sampled_from(
    [
        b"",
        serialize(Frame(Opcode.CLOSE, Close(1001, "going").serialize())),
        serialize(text(b"left over"))[:-3],
        serialize(text(b"masked"), mask=True),
        b"\xc1\x01x",  # a reserved bit
        b"\x83\x00",  # an opcode that is not defined
        b"\x09\x00",  # a ping in fragments
        b"\x89\x7e\x00\x80" + b"p" * 128,  # a ping that is too long
        b"\x80\x01x",  # a continuation of nothing
        b"\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01",  # one byte over the limit
        b"\x88\x01x",  # half a close code
    ]
)


@given(conversation, ending, st.lists(st.integers(0, 2**20), max_size=10))
def test_splitter_and_websockets_agree_on_any_split(frames: list[Frame], end: bytes, cuts: list[int]) -> None:
    data = serialize(*frames) + end
    expected, reference = by_websockets(data)
    messages, protocol = by_splitter(split_at(data, cuts))
    assert messages == expected
    assert protocol.state is reference.state
    assert type(protocol.parser_exc) is type(reference.parser_exc)
    # Masks are random: compare what is answered by length.
    assert list(map(len, protocol.data_to_send())) == list(map(len, reference.data_to_send()))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_noise_ends_the_connection_the_same_way_or_waits(noise: bytes, cuts: list[int]) -> None:
    expected, reference = by_websockets(noise)
    messages, protocol = by_splitter(split_at(noise, cuts))
    assert messages == expected
    assert protocol.state is reference.state


@pytest.mark.parametrize("cut", range(len(serialize(text(b"a" * 200), text(b"b")))))
def test_whole_tells_whether_a_part_of_a_frame_is_left_over(cut: int) -> None:
    data = serialize(text(b"a" * 200), text(b"b"))
    boundaries = {0, len(serialize(text(b"a" * 200))), len(data)}
    assert FrameSplitter(open_protocol()).feed(data[:cut]).whole == (cut in boundaries)


def test_a_ping_is_answered() -> None:
    _, protocol = by_splitter([serialize(Frame(Opcode.PING, b"?"), text(b"after"))])
    assert protocol.data_to_send()


def test_after_a_close_nothing_counts() -> None:
    close = Frame(Opcode.CLOSE, Close(1000, "").serialize())
    messages, protocol = by_splitter([serialize(text(b"before"), close, text(b"after")), serialize(text(b"later"))])
    assert messages == [b"before"]
    assert protocol.close_rcvd is not None
