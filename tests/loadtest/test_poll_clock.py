"""The lower bound of an arrival: what is read now was not there yet when the poll before began."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.threadpool import ThreadPool

from loadtest.client.connect import READ_BYTES
from loadtest.ledger.records import Deliveries
from loadtest.schedule.clock import Clock
from loadtest.schedule.stamp import LENGTH
from loadtest.worker.poll_clock import COMPLETE_BACKENDS, FIRST_ARRAY, PollClock
from loadtest.worker.recorder import Recorder
from tests.benchmark_hot_path import Connection, stream

pytestmark = pytest.mark.skipif(
    gevent.get_hub().loop.backend not in COMPLETE_BACKENDS, reason="the poll of this event loop tells nothing"
)
SOCKETS = 5 * FIRST_ARRAY
ROUNDS = 40


@contextlib.contextmanager
def watched(readers: list[socket.socket], on_readable: Callable[[int], None]) -> Iterator[None]:
    watchers = [gevent.get_hub().loop.io(reader.fileno(), 1) for reader in readers]
    for number, watcher in enumerate(watchers):
        watcher.start(on_readable, number)
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.stop()
            watcher.close()


def test_nothing_that_is_read_came_before_the_poll_before() -> None:
    """More sockets than the array of the first poll has room for, written to by another thread at any time."""
    pairs = [socket.socketpair() for _ in range(SOCKETS)]
    readers = [reader for reader, _ in pairs]
    reads: list[tuple[int, int, int]] = []  # number, its count of reads, lower bound
    events: list[None] = []  # one a read, however many counts it brings: so many sockets were reported by a poll
    clock = PollClock(events)
    sent_ns: list[list[int]] = [[] for _ in pairs]

    def read(number: int) -> None:
        data = readers[number].recv(4096)
        events.append(None)
        reads.extend((number, count, clock.polled_ns[0]) for (count,) in struct.iter_unpack("<I", data))

    def write() -> None:
        chance = random.Random(1)
        for _ in range(ROUNDS):
            for number in chance.sample(range(SOCKETS), chance.randrange(1, SOCKETS)):
                pairs[number][1].send(struct.pack("<I", len(sent_ns[number])))
                sent_ns[number].append(time.time_ns())
            time.sleep(chance.choice([0, 0.0005, 0.003]))

    pool = ThreadPool(1)
    try:
        with watched(readers, read):
            writing = pool.spawn(write)
            limit = time.monotonic() + 300
            while not writing.ready() or len(reads) < sum(map(len, sent_ns)):
                assert time.monotonic() < limit
                gevent.sleep(0.0002)
            writing.get()
    finally:
        clock.close()
        pool.kill()
        for pair in pairs:
            for end in pair:
                end.close()
    assert sum(polled_ns > 0 for *_, polled_ns in reads) > ROUNDS
    assert all(polled_ns <= sent_ns[number][count] for number, count, polled_ns in reads)


def test_the_bound_of_a_quiet_socket_follows_the_polls() -> None:
    """Not the read before of that socket, which may be long ago."""
    reader, writer = socket.socketpair()
    bounds: list[int] = []
    clock = PollClock(bounds)

    def read(_: int) -> None:
        reader.recv(10)
        bounds.append(clock.polled_ns[0])

    with reader, writer, watched([reader], read):
        for _ in range(5):
            gevent.sleep(0.005)
        before_ns = time.time_ns()
        for _ in range(5):
            gevent.sleep(0.005)
        writer.send(b"x")
        while not bounds:
            gevent.sleep(0.001)
    clock.close()
    assert bounds[0] > before_ns


class Polls:
    """Stands in for reads, whose number grows by `made` with each turn."""

    made = 0

    def __len__(self) -> int:
        return self.made


def test_a_poll_that_may_have_filled_its_array_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Polls()
    clock = PollClock(reads)
    clock.close()

    class Loop:
        pendingcnt = 0

    monkeypatch.setattr(clock, "_loop", Loop)

    def turn(pending: int, made: int) -> bool:
        """Tell whether the poll of a turn told anything."""
        before_ns = clock.polled_ns[0]
        Loop.pendingcnt = pending
        clock._note_events()
        reads.made += made
        clock._note_poll()
        return clock.polled_ns[0] > before_ns

    clock._note_poll()
    assert turn(FIRST_ARRAY - 1, 10)
    assert not turn(FIRST_ARRAY, FIRST_ARRAY)
    assert turn(FIRST_ARRAY, 5), "as many have fitted in before, so the array has grown"
    assert not turn(FIRST_ARRAY + 1, 5)
    assert not turn(FIRST_ARRAY + 1, 5), "that may have been timers"


SECOND_NS = 1_000_000_000


def timespec(time_ns: int) -> bytes:
    return struct.pack("<qq", *divmod(time_ns, SECOND_NS))


class Reads:
    """A recorder with two connections, and what it makes of their reads."""

    def __init__(self) -> None:
        self._recorder = Recorder(Clock(), LENGTH)
        self.tags = [self._recorder.add(number, Connection(), lambda: None) for number in range(2)]  # type: ignore[arg-type]
        self.start_ns = time.time_ns() + SECOND_NS

    def read(self, connection: int, frames: bytes, arrival: int | None, read: int, polled: int = 0) -> Deliveries:
        """Digest one read; times are nanoseconds after `start_ns`."""
        arrived = None if arrival is None else timespec(self.start_ns + arrival)
        polled_ns = self.start_ns + polled if polled else 0
        self._recorder.reads.append((self.tags[connection], frames, arrived, self.start_ns + read, polled_ns))
        return self._recorder.digest(10, 2**20).deliveries

    def floors(self, deliveries: Deliveries) -> list[int]:
        return [floor_ns - self.start_ns for floor_ns in deliveries.floor_ns.tolist()]


def test_the_last_message_of_a_read_is_exact_and_the_others_have_a_bound() -> None:
    reads = Reads()
    assert reads.floors(reads.read(0, stream(3), 50, 60, polled=40)) == [40, 40, 50]


def test_the_bound_is_the_later_of_the_poll_and_the_read_before() -> None:
    reads = Reads()
    reads.read(1, stream(1), 10, 15)
    reads.read(0, stream(1), 12, 20)  # it began after 15
    assert reads.floors(reads.read(0, stream(2), 50, 60, polled=14)) == [15, 50]
    assert reads.floors(reads.read(1, stream(2), 90, 95, polled=80)) == [80, 90]


def test_a_read_that_left_something_in_its_socket_bounds_nothing() -> None:
    reads = Reads()
    reads.read(0, stream(1), 5, 6, polled=4)
    half = stream(2 * READ_BYTES // len(stream(1)))
    full, rest = half[:READ_BYTES], half[READ_BYTES:]
    assert set(reads.floors(reads.read(0, full, 50, 60, polled=40))) == {40}
    assert set(reads.floors(reads.read(0, rest, 50, 70, polled=65))[:-1]) == {40}
    assert reads.floors(reads.read(0, stream(2), 90, 95, polled=75)) == [75, 90]


def test_a_message_without_a_receive_time_has_a_bound_too() -> None:
    reads = Reads()
    assert reads.floors(reads.read(0, stream(1), None, 60, polled=40)) == [40]


def test_a_poll_from_before_the_socket_was_watched_bounds_nothing() -> None:
    reads = Reads()
    assert reads.read(0, stream(2), 50, 60, polled=-2 * SECOND_NS).floor_ns.tolist()[0] == 0
