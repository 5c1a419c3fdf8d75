"""The cost of the swarm's hot path and of judging: `pytest tests/benchmark_hot_path.py`; not among the default tests.

Each figure is of a batch; divide it by the number of frames, deliveries or stamps in `extra_info`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from loadtest.client.frames import FrameSplitter
from loadtest.ledger.aggregate import Aggregate
from loadtest.ledger.ledger import judge
from loadtest.ledger.records import NEVER, Deliveries, Members, Sends, Window
from loadtest.protocols.plain import Numbers
from loadtest.protocols.registry import from_table
from loadtest.schedule.clock import Clock
from loadtest.schedule.stamp import find_stamps, stamped_text
from loadtest.worker.generator import SLICE, SLICE_BYTES
from loadtest.worker.recorder import Recorder

NOW_NS = 1_790_000_000_000_000_000
FRAMES = 10_000
SIZE = 64


def payload(seq: int, size: int = SIZE) -> bytes:
    text = stamped_text(1, seq, NOW_NS, NOW_NS, size)
    return b'{"sender":"u000001","text":"' + text + b'","ctime":"2026-01-31T12:00:00.123456+00:00","event":"user"}'


def stream(frames: int, size: int = SIZE) -> bytes:
    return b"".join(Frame(Opcode.TEXT, payload(seq, size)).serialize(mask=False) for seq in range(frames))


def protocol() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://127.0.0.1/"), state=OPEN)


class Connection:
    """Stands in for a connection, without a socket: what a recorder needs."""

    def __init__(self) -> None:
        self.protocol = protocol()
        self.splitter = FrameSplitter(self.protocol)


@pytest.mark.parametrize("frames_a_read", [1, 10, 100])
def test_splitting_frames(benchmark: Any, frames_a_read: int) -> None:
    reads = [stream(frames_a_read)] * (FRAMES // frames_a_read)
    splitter = FrameSplitter(protocol())
    benchmark.extra_info["frames"] = FRAMES
    benchmark(lambda: [splitter.feed(read) for read in reads])


def test_parsing_frames_with_websockets_for_comparison(benchmark: Any) -> None:
    reads = [stream(1)] * FRAMES

    def parse() -> None:
        reference = protocol()
        for read in reads:
            reference.receive_data(read)
            reference.events_received()

    benchmark.extra_info["frames"] = FRAMES
    benchmark(parse)


def test_finding_stamps(benchmark: Any) -> None:
    payloads = [payload(seq) for seq in range(FRAMES)]
    ends = np.cumsum([len(one) for one in payloads])
    starts = ends - len(payloads[0])
    data = b"".join(payloads)
    benchmark.extra_info["stamps"] = FRAMES
    assert len(benchmark(lambda: find_stamps(data, starts, ends)).seq) == FRAMES


def measure_digest(benchmark: Any, recorder: Recorder, data: bytes, frames_a_read: int) -> None:
    """Digest reads of these bytes, each by the next of 500 connections."""
    tags = [recorder.add(number, Connection(), lambda: None) for number in range(500)]  # type: ignore[arg-type]
    timespec = np.array(divmod(NOW_NS, 1_000_000_000)).tobytes()
    reads = [(tags[n % 500], data, timespec, NOW_NS, 0) for n in range(FRAMES // frames_a_read)]

    def digest() -> None:
        recorder.reads.extend(reads)
        while recorder.reads:
            recorder.digest(SLICE, SLICE_BYTES)

    benchmark.extra_info["frames"] = FRAMES
    benchmark(digest)


@pytest.mark.parametrize(("frames_a_read", "size"), [(1, SIZE), (10, SIZE), (10, 1024), (1, 32_768)])
def test_digesting_reads(benchmark: Any, frames_a_read: int, size: int) -> None:
    measure_digest(benchmark, Recorder(Clock(), size), stream(frames_a_read, size), frames_a_read)


ANSWERED = {"answer": [{"to": '"ping"', "send": '{"type":"pong"}'}]}


@pytest.mark.parametrize(
    "table", [{"name": "plain"}, {"message": '{"say":"{text}"}'}, {"message": '{"say":"{text}"}', **ANSWERED}]
)
def test_digesting_reads_of_each_kind_of_protocol(benchmark: Any, table: dict[str, Any]) -> None:
    """Plain, described in JSON, and that with answers to pings: a message is found by its stamp in any of them."""
    measure_digest(benchmark, Recorder(Clock(), SIZE, from_table(table)), stream(1), 1)


@pytest.mark.parametrize("frames_a_read", [1, 10])
def test_following_how_far_a_user_has_read(benchmark: Any, frames_a_read: int) -> None:
    numbers = Numbers()
    numbered = Frame(Opcode.TEXT, payload(1)[:-1] + b',"offset":1234567}').serialize(mask=False) * frames_a_read
    benchmark.extra_info["reads"] = FRAMES

    def read() -> None:
        for _ in range(FRAMES):
            numbers.read(numbered)

    benchmark(read)


@pytest.mark.parametrize(
    ("members", "messages", "rooms"), [(500, 500, 1), (5000, 50, 1), (500, 5000, 10), (500, 25_000, 50)]
)
def test_judging(benchmark: Any, members: int, messages: int, rooms: int) -> None:
    """As many deliveries in one room and in many."""
    number, seq, size = np.arange(members), np.arange(messages), members // rooms
    due_ns = seq * 10_000_000
    message = np.repeat(seq, size)
    receiver = np.tile(np.arange(size), messages) * rooms + message % rooms
    arrival_ns = due_ns[message] + receiver * 10_000
    deliveries = Deliveries(
        receiver=receiver,
        sender=message % rooms,
        seq=message // rooms,
        due_ns=due_ns[message],
        arrival_ns=arrival_ns,
        floor_ns=arrival_ns,
        read_ns=arrival_ns,
        corrupted=np.zeros(len(message), np.int64),
    )
    placed = Members(number, np.zeros(members, np.int64), np.full(members, NEVER), number % rooms)
    sends = Sends(seq % rooms, seq // rooms, due_ns, due_ns)
    window = Window(0, messages * 10_000_000, NEVER, 0, rooms=rooms)

    def judge_all() -> Aggregate:
        aggregate = Aggregate()
        aggregate.add(judge(window, placed, sends, deliveries))
        return aggregate

    benchmark.extra_info["deliveries"] = len(message)
    assert benchmark(judge_all).figures().missing == 0
